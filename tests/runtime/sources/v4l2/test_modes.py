from __future__ import annotations

import errno
import logging
import math

import pytest

from edge_sdk.errors import InputError
from edge_sdk.runtime.sources.v4l2 import layouts
from edge_sdk.runtime.sources.v4l2.modes import Asked, choose_fourcc, set_mode
from tests.fakes import VideoNode

FULL_HD, SMALL = (1920, 1080), (640, 480)
USB_2 = {"YUYV": {SMALL: 30.0, FULL_HD: 5.0}, "MJPG": {FULL_HD: 30.0, SMALL: 30.0}, "H264": {FULL_HD: 60.0}}


@pytest.mark.parametrize(
    ("rates", "fps", "chosen"),
    [
        ({"YUYV": 5.0, "MJPG": 30.0}, None, "MJPG"),
        ({"YUYV": 30.0, "MJPG": 30.0}, None, "YUYV"),
        ({"YUYV": 5.0, "MJPG": 30.0}, 5.0, "YUYV"),
        ({"YUYV": 29.97, "MJPG": 60.0}, 30.0, "YUYV"),
        ({"YUYV": 30.0, "MJPG": 60.0}, 60.0, "MJPG"),
        ({"YUYV": 30.0, "MJPG": 60.0}, 500.0, "MJPG"),
        ({"YUYV": math.inf, "MJPG": math.inf}, 60.0, "YUYV"),
        ({"GREY": 30.0, "MJPG": 5.0}, None, "MJPG"),
        ({"GREY": 30.0}, None, "GREY"),
        ({}, None, None),
    ],
)
def test_the_cheapest_format_that_reaches_the_rate_is_taken(rates, fps, chosen):
    assert choose_fourcc(dict(sorted(rates.items(), key=lambda item: item[0] == "MJPG")), fps) == chosen


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (Asked(), "YUYV 640x480 at 30 frames a second"),
        (Asked(size_wh=FULL_HD), "MJPG 1920x1080 at 30 frames a second"),
        (Asked(size_wh=FULL_HD, fps=5), "YUYV 1920x1080 at 5 frames a second"),
        (Asked(fourcc="YUYV", size_wh=FULL_HD), "YUYV 1920x1080 at 5 frames a second"),
        (Asked(fps=15), "YUYV 640x480 at 15 frames a second"),
    ],
)
def test_a_usb_2_camera_takes_what_its_bus_carries(asked, told):
    assert str(set_mode(VideoNode(USB_2), asked, where="camera:0")) == told


def test_format_and_size_are_set_before_the_rate():
    node = VideoNode(USB_2)
    set_mode(node, Asked("MJPG", FULL_HD, 30), where="camera:0")
    assert [call for call in node.calls if call in {layouts.S_FMT, layouts.S_PARM}] == [layouts.S_FMT, layouts.S_PARM]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Asked(size_wh=(800, 600)), "expected 800x600 in YUYV, got 640x480 in YUYV"),
        (Asked(fourcc="NV12"), "expected NV12, got 640x480 in YUYV"),
    ],
)
def test_a_driver_that_chose_otherwise_is_told(asked, message):
    with pytest.raises(InputError) as caught:
        set_mode(VideoNode(USB_2), asked, where="camera:0")
    assert str(caught.value) == f"camera:0: {message}"
    assert caught.value.hint == "it has YUYV 1920x1080 640x480, MJPG 1920x1080 640x480"


def test_another_rate_is_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        assert set_mode(VideoNode(USB_2), Asked("YUYV", FULL_HD, 30), where="camera:0").fps == 5
    assert caplog.messages == ["camera:0: expected 30 frames a second, got 5"]


def test_a_driver_that_lists_nothing_is_taken_at_its_word():
    lists = (layouts.ENUM_FRAMESIZES, layouts.ENUM_FRAMEINTERVALS, layouts.G_PARM)
    node = VideoNode(USB_2, refuses=dict.fromkeys(lists, errno.ENOTTY))
    mode = set_mode(node, Asked(size_wh=FULL_HD, fps=30), where="camera:0")
    assert str(mode) == "YUYV 1920x1080"
    assert mode.fps == 0
