from __future__ import annotations

import errno

import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime import open_source
from edge_sdk.runtime.sources.camera import CameraOptions, why_not_ours
from edge_sdk.runtime.sources.v4l2 import layouts
from edge_sdk.runtime.sources.v4l2.modes import Asked
from tests.fakes import VideoNode

SIZES = {(640, 480): 30.0}


@pytest.mark.parametrize(
    ("node", "asked", "why"),
    [
        (VideoNode({"YUYV": SIZES, "H264": SIZES}), Asked(), ""),
        (VideoNode({"YUYV": SIZES, "H264": SIZES}), Asked(fourcc="H264"), "pixel format H264"),
        (VideoNode({"H264": SIZES, "pBAA": SIZES}), Asked(), "pixel formats H264, pBAA"),
        (
            VideoNode({"NV12": SIZES}, caps=layouts.CAN_CAPTURE_PLANES | layouts.CAN_STREAM),
            Asked(),
            "pictures in several planes, or no streaming",
        ),
        (VideoNode({"YUYV": SIZES}, caps=layouts.CAN_CAPTURE), Asked(), "pictures in several planes, or no streaming"),
    ],
)
def test_what_our_own_capture_cannot_read_is_left_to_opencv(node, asked, why):
    assert why_not_ours(node, asked, where="camera:0") == why


def test_a_node_that_gives_no_pictures_is_refused():
    with pytest.raises(UnavailableError) as caught:
        why_not_ours(VideoNode({"YUYV": SIZES}, caps=layouts.CAN_STREAM), Asked(), where="camera:0")
    assert str(caught.value) == "camera:0: expected a camera, got 'Camera', which gives no pictures"
    assert caught.value.hint.startswith(("no camera is connected", "cameras here: "))


def test_a_camera_that_goes_away_while_it_is_asked_is_told():
    node = VideoNode({"YUYV": SIZES}, refuses={layouts.ENUM_FMT: errno.ENODEV})
    with pytest.raises(UnavailableError, match=r"^camera:0: expected a camera that captures, got No such device$"):
        why_not_ours(node, Asked(), where="camera:0")


@pytest.mark.parametrize(
    ("place", "got"), [("63", "nothing there"), ("/dev/video63", "nothing there"), (__file__, "no device")]
)
def test_a_camera_that_is_not_there_is_told(place, got):
    path = place if place.startswith("/") else f"/dev/video{place}"
    with pytest.raises(UnavailableError) as caught:
        open_source(f"camera:{place}")
    assert str(caught.value) == f"camera:{place}: expected a camera at {path}, got {got}"
    assert caught.value.hint.startswith(("no camera is connected", "cameras here: "))


@pytest.mark.parametrize("backend", ["auto", "v4l2"])
def test_a_device_that_is_no_camera_is_told(backend):
    with pytest.raises(
        UnavailableError, match=r"^/dev/null: expected a camera that captures, got Inappropriate ioctl for device$"
    ):
        open_source(f"/dev/null?backend={backend}")


def test_a_device_that_opencv_is_to_read_and_cannot_is_told():
    with pytest.raises(UnavailableError, match=r"^/dev/null: expected a camera that OpenCV can open, got none$"):
        open_source("/dev/null?backend=opencv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("widht=640", "widht: unknown key; did you mean 'width'?"),
        ("width=wide&height=480", "width: expected a whole number, got 'wide'"),
        ("width=640", "width, height: expected both or none, got one"),
        ("fps=0", "fps: expected more than 0, got 0.0"),
        ("timeout_s=-1", "timeout_s: expected more than 0, got -1.0"),
        ("fourcc=MJPEG", "fourcc: expected four letters such as MJPG, got 'MJPEG'"),
        ("reduce=3", "reduce: expected one of 1, 2, 4, 8, got 3"),
        ("reduce=2&backend=opencv", "reduce: expected 1 with backend=opencv, got 2"),
        ("backend=ffmpeg", "backend: expected one of 'auto', 'v4l2', 'opencv', got 'ffmpeg'"),
    ],
)
def test_a_wrong_option_is_told(options, message):
    with pytest.raises(InputError) as caught:
        open_source(f"camera:63?{options}")
    assert str(caught.value) == f"camera:63?{options}: {message}"


def test_options_become_what_is_asked_of_the_driver():
    options = CameraOptions(width=1280, height=720, fps=30, fourcc="Y10 ")
    assert options.asked == Asked("Y10", (1280, 720), 30)
