from __future__ import annotations

import os
import struct
import zlib

import cv2
import numpy as np
import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.media import VideoFile, encode_jpeg, list_images, read_image, write_video

CARD = np.zeros((20, 30, 3), np.uint8)
CARD[:, :15] = (0, 0, 255)


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 12.5, (64, 48))
    assert writer.isOpened()
    for grey in (10, 90, 170, 250):
        writer.write(np.full((48, 64, 3), grey, np.uint8))
    writer.release()
    return path


def test_pictures_come_in_the_order_of_their_paths_with_subfolders(tmp_path):
    for name in ("b.png", "a.JPG", "sub/c.webp", "notes.txt", "sub/deep/d.tiff"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)]
    assert found == ["a.JPG", "b.png", "sub/c.webp", "sub/deep/d.tiff"]


def test_a_folder_without_pictures_is_told(tmp_path):
    (tmp_path / "notes.txt").write_bytes(b"")
    with pytest.raises(InputError, match=r"expected pictures \(jpg, png, bmp, webp, tiff, ppm\), got none"):
        list_images(tmp_path)


@pytest.mark.parametrize(("name", "got"), [("none", "nothing there"), ("notes.txt", "a file")])
def test_what_is_no_folder_is_told(tmp_path, name, got):
    (tmp_path / "notes.txt").write_bytes(b"")
    with pytest.raises(InputError, match=f"/{name}: expected a folder, got {got}"):
        list_images(tmp_path / name)


def test_a_picture_is_decoded_as_blue_green_red(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), CARD)
    assert np.array_equal(read_image(tmp_path / "a.png"), CARD)


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_transparent_pictures_become_three_channels(tmp_path, channels):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 6, channels), 200, np.uint8))
    assert np.array_equal(read_image(tmp_path / "a.png"), np.full((4, 6, 3), 200, np.uint8))


def test_the_orientation_of_a_photograph_is_applied(tmp_path):
    jpeg = cv2.imencode(".jpg", CARD)[1].tobytes()
    turned_by_90 = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    exif = b"Exif\0\0" + turned_by_90
    (tmp_path / "a.jpg").write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:])
    image = read_image(tmp_path / "a.jpg")
    assert image.shape == (30, 20, 3)
    assert image[:10, :, 2].min() > 200
    assert image[20:, :, 2].max() < 50


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("data", [b"", b"no picture", png_that_claims(100_000, 100_000)], ids=["empty", "text", "bomb"])
def test_what_is_no_picture_is_told(tmp_path, data):
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_image(tmp_path / "a.png")
    assert str(caught.value) == (f"{tmp_path}/a.png: expected a picture, got {len(data)} bytes that cannot be decoded")


def test_a_missing_picture_is_told(tmp_path):
    with pytest.raises(InputError, match=r"/none\.png: expected a readable file, got No such file or directory"):
        read_image(tmp_path / "none.png")


def test_a_video_gives_its_frames_in_order(video):
    with VideoFile(video) as opened:
        assert (opened.frames, opened.fps, opened.size_wh) == (4, 12.5, (64, 48))
        greys = [int(frame.mean().round()) for frame in opened]
        assert opened.read() is None
    np.testing.assert_allclose(greys, [10, 90, 170, 250], atol=3)


def test_a_video_cut_short_ends_early(video):
    data = video.read_bytes()
    video.write_bytes(data[: data.rindex(b"00dc", 0, data.rindex(b"idx1"))])  # before the last frame
    with VideoFile(video) as opened:
        assert 1 <= len(list(opened)) < 4


def test_a_video_of_which_no_frame_can_be_decoded_is_told(tmp_path):
    path = tmp_path / "a.mp4"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 12.5, (64, 48))
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    path.write_bytes(path.read_bytes().replace(b"stco", b"free"))  # it opens and claims a frame, and does not say where
    with pytest.raises(InputError, match=r"/a.mp4: expected a video, got a file that cannot be decoded$"):
        VideoFile(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "expected a video file, got nothing there"),
        (b"no video", "expected a video, got a file that cannot be decoded"),
        (b"", "expected a video, got a file that cannot be decoded"),
    ],
    ids=["missing", "text", "empty"],
)
def test_what_is_no_video_is_told(tmp_path, data, message):
    if data is not None:
        (tmp_path / "a.mp4").write_bytes(data)
    with pytest.raises(InputError, match=f"/a.mp4: {message}"):
        VideoFile(tmp_path / "a.mp4")


def test_a_video_whose_name_is_no_text_is_told(tmp_path, video):
    path = video.rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4"))
    with pytest.raises(InputError, match=r"expected a path in UTF-8, got other bytes$"):
        VideoFile(path)


def test_a_picture_is_made_small_and_encoded_the_same_each_time():
    noise = np.random.default_rng(0).integers(0, 256, (90, 200, 3), dtype=np.uint8)
    data = encode_jpeg(noise, longest_px=50, quality=70)
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (22, 50, 3)
    assert encode_jpeg(noise, longest_px=50, quality=70) == data
    assert len(encode_jpeg(noise, longest_px=50, quality=20)) < len(data)
    whole = encode_jpeg(CARD, longest_px=50, quality=95)
    assert np.abs(cv2.imdecode(np.frombuffer(whole, np.uint8), cv2.IMREAD_COLOR).astype(int) - CARD).mean() < 8


def test_pictures_become_a_video(tmp_path):
    pictures = [np.full((48, 80, 3), level, np.uint8) for level in (20, 120, 220)]
    write_video(tmp_path / "clip.mp4", pictures, fps=12.5)
    with VideoFile(tmp_path / "clip.mp4") as video:
        assert (video.fps, video.size_wh) == (12.5, (80, 48))
        assert [round(float(frame.mean()), -1) for frame in video] == [20, 120, 220]
    with pytest.raises(UnavailableError, match="expected a video that can be written"):
        write_video(tmp_path / "nowhere" / "clip.mp4", pictures, fps=12.5)
