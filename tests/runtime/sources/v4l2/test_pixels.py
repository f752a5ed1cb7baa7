from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.runtime.sources.v4l2.pixels import decode, decode_jpeg

SIZE_WH = (32, 12)
RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)


def card():
    """A card of red, green and blue, wider than high."""
    picture = np.zeros((12, 32, 3), np.uint8)
    picture[:, :8], picture[:, 8:20], picture[:, 20:] = RED, GREEN, BLUE
    return picture


def packed(fourcc, picture):
    """Return a picture's rows [rows, bytes] as a camera sends them."""
    yuv = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
    height, width = picture.shape[:2]
    if fourcc == "NV12":
        u, v = yuv[height:].reshape(2, height // 2, width // 2)
        return np.vstack([yuv[:height], np.dstack([u, v]).reshape(height // 2, width)])
    if fourcc == "YUYV":
        return cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_YUY2).reshape(height, width * 2)
    if fourcc == "GREY":
        return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return (picture if fourcc == "BGR3" else picture[:, :, ::-1]).reshape(height, width * 3)


@pytest.mark.parametrize("gap", [0, 16])
@pytest.mark.parametrize("fourcc", ["BGR3", "RGB3", "YUYV", "NV12"])
def test_a_card_of_red_green_and_blue_keeps_its_colors(fourcc, gap):
    rows = np.pad(packed(fourcc, card()), ((0, 0), (0, gap)), constant_values=99)
    image = decode(fourcc, memoryview(rows.tobytes()), size_wh=SIZE_WH, stride_bytes=rows.shape[1])
    assert image.shape == (12, 32, 3)
    assert np.abs(image[6, [3, 14, 27]].astype(int) - [RED, GREEN, BLUE]).max() <= 4


def test_grey_pictures_have_three_equal_channels():
    rows = packed("GREY", card())
    image = decode("GREY", memoryview(rows.tobytes()), size_wh=SIZE_WH, stride_bytes=0)
    assert np.array_equal(image, np.dstack([rows] * 3))


@pytest.mark.parametrize("fourcc", ["BGR3", "GREY"])
def test_a_picture_does_not_change_with_the_driver_s_buffer(fourcc):
    buffer = bytearray(packed(fourcc, card()).tobytes())
    image = decode(fourcc, memoryview(buffer), size_wh=SIZE_WH, stride_bytes=0)
    kept = image.copy()
    buffer[:] = bytes(len(buffer))
    assert np.array_equal(image, kept)


def test_plain_pixels_that_are_cut_off_are_refused():
    data = packed("YUYV", card()).tobytes()
    with pytest.raises(InputError, match=r"^expected 768 bytes of YUYV, got 700$"):
        decode("YUYV", memoryview(data[:700]), size_wh=SIZE_WH, stride_bytes=64)


def jpeg(picture):
    return cv2.imencode(".jpg", picture)[1].tobytes()


@pytest.mark.parametrize("behind", [b"", bytes(64), b"\0rest of the frame before"])
def test_a_jpeg_is_decoded_whatever_stands_behind_it(behind):
    picture = np.full((48, 80, 3), 100, np.uint8)
    assert np.abs(decode_jpeg(jpeg(picture) + behind).astype(int) - picture).max() <= 2


@pytest.mark.parametrize("part", [slice(0, -200), slice(2, None), slice(0, 0), slice(0, 1)])
def test_a_jpeg_that_is_not_whole_is_refused(part):
    data = jpeg(np.random.default_rng(0).integers(0, 256, (48, 80, 3), np.uint8))[part]
    with pytest.raises(InputError, match=rf"^expected a whole JPEG picture, got {len(data)} bytes that are none$"):
        decode_jpeg(data)


def test_a_jpeg_of_nonsense_between_its_marks_is_refused():
    with pytest.raises(InputError, match="expected a whole JPEG picture"):
        decode_jpeg(b"\xff\xd8nonsense\xff\xd9")


@pytest.mark.parametrize(("reduce", "size_wh"), [(1, (90, 50)), (2, (45, 25)), (4, (23, 13)), (8, (12, 7))])
def test_a_reduced_picture_is_smaller_and_shows_the_same(reduce, size_wh):
    picture = np.zeros((50, 90, 3), np.uint8)
    picture[:, 45:] = 200
    rows = memoryview(picture.tobytes())
    for image in (
        decode_jpeg(jpeg(picture), reduce=reduce),
        decode("BGR3", rows, size_wh=(90, 50), stride_bytes=0, reduce=reduce),
    ):
        assert (image.shape[1], image.shape[0]) == size_wh
        assert image[:, : size_wh[0] // 3].mean() < 5 and image[:, -(size_wh[0] // 3) :].mean() > 190
