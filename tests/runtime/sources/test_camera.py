from __future__ import annotations

import logging

import cv2
import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime import open_source
from edge_sdk.runtime.sources.camera import CameraOptions, negotiate, stamp
from tests.fakes import Driver

MJPG = float(cv2.VideoWriter.fourcc(*"MJPG"))
YUYV = float(cv2.VideoWriter.fourcc(*"YUYV"))
ASKED = CameraOptions(width=1280, height=720, fps=30, fourcc="MJPG")


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
    assert negotiate(driver, CameraOptions(), where="camera:0") == 15
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


@pytest.mark.parametrize(
    ("place", "got"), [("63", "nothing there"), ("/dev/video63", "nothing there"), (__file__, "no device")]
)
def test_a_camera_that_is_not_there_is_told(place, got):
    path = place if place.startswith("/") else f"/dev/video{place}"
    with pytest.raises(UnavailableError) as caught:
        open_source(f"camera:{place}")
    assert str(caught.value) == f"camera:{place}: expected a camera at {path}, got {got}"
    assert caught.value.hint.startswith(("no camera is connected", "cameras here: /dev/"))


def test_a_device_that_is_no_camera_is_told():
    with pytest.raises(
        UnavailableError, match=r"^/dev/null: expected a camera that can be opened, got none$"
    ) as caught:
        open_source("/dev/null?width=640&height=480")
    assert caught.value.hint == "is another program using it, and is this user in the group video?"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("widht=640", "widht: unknown key; did you mean 'width'?"),
        ("width=wide&height=480", "width: expected a whole number, got 'wide'"),
        ("width=640", "width, height: expected both or none, got one"),
        ("fps=0", "fps: expected more than 0, got 0.0"),
        ("fourcc=MJPEG", "fourcc: expected four letters such as MJPG, got 'MJPEG'"),
    ],
)
def test_a_wrong_option_is_told(options, message):
    with pytest.raises(InputError) as caught:
        open_source(f"camera:63?{options}")
    assert str(caught.value) == f"camera:63?{options}: {message}"
