from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_sdk.errors import InputError
from edge_sdk.preprocess import ImageSteps, prepare_image

RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)
PLAIN = ImageSteps(size_wh=(4, 2), divisor=1.0)


def card(width: int, height: int, bgr: tuple[int, int, int]) -> np.ndarray:
    return np.full((height, width, 3), bgr, np.uint8)


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width * 10_000 + height).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("color", "channels"), [("rgb", (255, 0, 0)), ("bgr", (0, 0, 255)), ("gray", (76,))])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_a_red_card_comes_in_the_declared_order_of_colours_and_axes(color, channels, layout):
    steps = ImageSteps(size_wh=(4, 2), divisor=1.0, color=color, layout=layout)
    tensor, _ = prepare_image(steps, card(8, 4, RED))
    assert tensor.shape == ((1, len(channels), 2, 4) if layout == "nchw" else (1, 2, 4, len(channels)))
    axes = (0, 2, 3) if layout == "nchw" else (0, 1, 2)
    assert tensor.min(axis=axes).tolist() == tensor.max(axis=axes).tolist() == list(channels)
    assert (tensor.dtype, tensor.flags.c_contiguous) == (np.float32, True)


@pytest.mark.parametrize(("color", "channels"), [("bgra", (0, 0, 255, 255)), ("ya8", (76, 255)), ("rgb", (255, 0, 0))])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_pixels_come_as_bytes_some_with_a_channel_of_255(color, channels, layout):
    steps = ImageSteps(size_wh=(4, 2), divisor=1.0, color=color, layout=layout, dtype="uint8")
    tensor, _ = prepare_image(steps, card(8, 4, RED))
    assert (tensor.dtype, tensor.flags.c_contiguous, tensor.shape) == (np.uint8, True, steps.shape)
    assert np.moveaxis(tensor[0], 0 if layout == "nchw" else 2, -1).tolist() == [[list(channels)] * 4] * 2


@pytest.mark.parametrize("values", [{}, {"divisor": 1.0, "mean": (1.0,)}, {"divisor": 1.0, "std": (1.0, 1.0, 2.0)}])
def test_bytes_are_not_normalized(values):
    with pytest.raises(InputError, match=r"^dtype: expected float32 for a divisor, mean or std, got uint8$"):
        ImageSteps(size_wh=(4, 2), dtype="uint8", **values)


@pytest.mark.parametrize(("bgr", "rgb"), [(RED, [1, 0, 0]), (GREEN, [0, 1, 0]), (BLUE, [0, 0, 1])])
def test_each_colour_has_its_own_channel(bgr, rgb):
    tensor, _ = prepare_image(ImageSteps(size_wh=(2, 2)), card(2, 2, bgr))
    assert tensor[0, :, 0, 0].tolist() == rgb


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize(
    ("mean", "std"), [((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), ((0.5,), (0.5, 0.25, 1.0)), ((0.0,), (1.0,))]
)
def test_normalization_follows_the_formula(layout, mean, std):
    steps = ImageSteps(size_wh=(7, 5), mean=mean, std=std, layout=layout)
    image = noise(7, 5)
    wanted = (image[:, :, ::-1].astype(np.float64) / 255.0 - np.array(mean)) / np.array(std)
    tensor, _ = prepare_image(steps, image)
    got = tensor[0].transpose(1, 2, 0) if layout == "nchw" else tensor[0]
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)


def test_letterbox_centres_the_picture_between_grey_bars():
    tensor, transform = prepare_image(ImageSteps(size_wh=(8, 8), resize="letterbox", divisor=1.0), card(4, 2, RED))
    red = tensor[0, 0]
    assert (red[2:6] == 255).all()
    assert (red[[0, 1, 6, 7]] == 114).all()
    assert (transform.scale_xy, transform.offset_xy) == ((2.0, 2.0), (0, 2))


def test_crop_cuts_the_centre_rows_of_a_tall_picture_by_their_height():
    image = np.repeat(np.arange(240, dtype=np.uint8)[:, np.newaxis, np.newaxis], 320, axis=1).repeat(3, axis=2)
    tensor, transform = prepare_image(ImageSteps(size_wh=(320, 96), resize="crop", divisor=1.0), image)
    assert tensor[0, 0, :, 0].tolist() == list(range(72, 168))
    assert transform.offset_xy == (0, -72)


def test_crop_resizes_the_shorter_side_first():
    _, transform = prepare_image(ImageSteps(size_wh=(224, 224), resize="crop", shorter_side=256), noise(640, 480))
    assert transform.scale_xy == (341 / 640, 256 / 480)
    assert transform.offset_xy == (-59, -16)


def test_a_picture_of_the_right_size_is_not_resampled():
    image = noise(320, 96)
    for resize in ("stretch", "letterbox", "crop"):
        tensor, _ = prepare_image(ImageSteps(size_wh=(320, 96), resize=resize, color="bgr", divisor=1.0), image)
        assert np.array_equal(tensor[0].transpose(1, 2, 0), image)


@pytest.mark.parametrize("interpolation", ["nearest", "linear", "area", "cubic"])
def test_pixels_are_resampled_as_declared(interpolation):
    image = noise(40, 30)
    steps = ImageSteps(size_wh=(16, 12), interpolation=interpolation, color="bgr", divisor=1.0)
    wanted = cv2.resize(image, (16, 12), interpolation=getattr(cv2, f"INTER_{interpolation.upper()}"))
    assert np.array_equal(prepare_image(steps, image)[0][0].transpose(1, 2, 0), wanted)


sides = st.integers(32, 2000)
sizes = st.sampled_from([(320, 320), (416, 416), (640, 640), (320, 96), (96, 320)])


@settings(max_examples=60)
@given(sides, sides, sizes, st.sampled_from(["stretch", "letterbox", "crop"]))
def test_boxes_return_to_where_they_were(width, height, size_wh, resize):
    tensor, transform = prepare_image(
        ImageSteps(size_wh=size_wh, resize=resize), np.zeros((height, width, 3), np.uint8)
    )
    assert tensor.shape == (1, 3, size_wh[1], size_wh[0])
    boxes = np.array([[0, 0, width, height], [width * 0.3, height * 0.1, width * 0.7, height * 0.9]], np.float32)
    np.testing.assert_allclose(transform.to_source(transform.to_model(boxes)), boxes, rtol=0, atol=0.01)


@settings(max_examples=40)
@given(sides, sides, sizes, st.sampled_from(["letterbox", "crop"]))
def test_a_corner_of_the_picture_is_found_where_the_transform_says(width, height, size_wh, resize):
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = 255
    steps = ImageSteps(size_wh=size_wh, resize=resize, divisor=255.0, interpolation="area", pad_value=0)
    tensor, transform = prepare_image(steps, image)
    edge = transform.to_model(np.array([[0, 0, width // 2, height // 2]]))[0]
    white = tensor[0, 0] > 0.5
    for axis, side in ((0, 0), (1, 1)):
        inside = np.flatnonzero(white.any(axis=axis))
        wanted = np.clip(edge[[side, side + 2]], 0, size_wh[side])
        assert abs(inside[0] - wanted[0]) <= 1
        assert abs(inside[-1] + 1 - wanted[1]) <= 1


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1), (4, 4, 4), (0, 4, 3), (4, 0, 3)])
def test_what_is_no_picture_is_refused(shape):
    with pytest.raises(InputError) as caught:
        prepare_image(PLAIN, np.zeros(shape, np.uint8))
    assert str(caught.value) == f"image: expected uint8 [height, width, 3], got uint8 {list(shape)}"


def test_pixels_that_are_floats_are_refused():
    with pytest.raises(InputError, match="got float32"):
        prepare_image(PLAIN, np.zeros((4, 4, 3), np.float32))


def test_a_picture_too_long_to_be_resized_is_refused():
    with pytest.raises(InputError) as caught:
        prepare_image(ImageSteps(size_wh=(224, 224), resize="crop"), np.zeros((1, 300_000, 3), np.uint8))
    assert str(caught.value) == "image: expected a picture that can be resized to 67200000x224, got [1, 300000, 3]"
