from __future__ import annotations

import logging
from pathlib import Path

import cv2
import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.sources.opencv_camera import OpenCvCamera, negotiate, stamp
from edge_sdk.runtime.sources.v4l2.modes import Asked
from tests.fakes import Driver

MJPG = float(cv2.VideoWriter.fourcc(*"MJPG"))
YUYV = float(cv2.VideoWriter.fourcc(*"YUYV"))
ASKED = Asked("MJPG", (1280, 720), 30)


def test_the_driver_is_asked_in_the_order_that_it_needs():
    driver = Driver()
    assert negotiate(driver, ASKED, where="camera:0") == 30
    assert driver.set_in_order == [
        cv2.CAP_PROP_FOURCC,
        cv2.CAP_PROP_FRAME_WIDTH,
        cv2.CAP_PROP_FRAME_HEIGHT,
        cv2.CAP_PROP_FPS,
    ]


def test_the_driver_is_asked_for_nothing_that_the_user_did_not_ask_for():
    driver = Driver({cv2.CAP_PROP_FPS: 15})
    assert negotiate(driver, Asked(), where="camera:0") == 15
    assert driver.set_in_order == []


@pytest.mark.parametrize(
    ("has", "message"),
    [
        ({cv2.CAP_PROP_FRAME_WIDTH: 640, cv2.CAP_PROP_FRAME_HEIGHT: 480}, "expected 1280x720, got 640x480"),
        ({cv2.CAP_PROP_FOURCC: YUYV}, "expected pixel format MJPG, got YUYV"),
    ],
)
def test_a_driver_that_chose_otherwise_is_told(has, message):
    with pytest.raises(InputError) as caught:
        negotiate(Driver(has), ASKED, where="camera:0")
    assert str(caught.value) == f"camera:0: {message}"
    assert caught.value.hint == "v4l2-ctl --list-formats-ext shows what the camera can do"


def test_another_rate_is_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        assert negotiate(Driver({cv2.CAP_PROP_FPS: 5}), ASKED, where="camera:0") == 5
    assert caplog.messages == ["camera:0: expected 30 frames a second, got 5"]


@pytest.mark.parametrize(
    ("driver_ms", "stamped"),
    [
        (59_990.5, (59_990_500_000, "driver")),
        (0.0, (60_000_000_000, "arrival")),
        (60_001.0, (60_000_000_000, "arrival")),
        (1.7e12, (60_000_000_000, "arrival")),
        (-1.0, (60_000_000_000, "arrival")),
    ],
    ids=["a moment ago", "none", "in the future", "wall time", "negative"],
)
def test_the_driver_s_time_is_taken_where_it_can_be_believed(driver_ms, stamped):
    assert stamp(driver_ms, 60_000_000_000) == stamped


def test_a_device_that_opencv_cannot_open_is_told():
    with pytest.raises(UnavailableError) as caught:
        OpenCvCamera(Path("/dev/null"), Asked(), name="camera:0")
    assert str(caught.value) == "camera:0: expected a camera that OpenCV can open, got none"
    assert caught.value.hint == "is another program using it, and is this user in the group video?"
