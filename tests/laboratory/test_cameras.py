"""Our capture on a V4L2 camera of a real kernel, in the emulated machine: what was seen is what the driver did."""

from __future__ import annotations

import pytest

from scripts.laboratory.machine import why_not
from scripts.laboratory.parts import run_part

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def seen():
    """What the guest tried, by name, and what came of it."""
    if why := why_not():
        pytest.skip(f"no emulated machine ({why}): scripts/lab setup makes one, as root on Debian x86_64")
    return run_part("cameras")


def lost(numbers):
    """Return how many frames are missing between the first and the last."""
    return numbers[-1] - numbers[0] + 1 - len(numbers)


def test_the_camera_delivers_what_it_was_asked_for(seen):
    small = seen["small"]
    assert small["shape"] == [180, 320, 3]
    assert small["claimed_fps"] == pytest.approx(30)
    assert small["fps"] == pytest.approx(30, rel=0.1)
    assert small["numbers"][0] == 0
    assert small["clocks"] == ["driver"]
    assert small["broken"] == []


def test_frames_that_are_stamped_at_their_exposure_say_so(seen):
    assert seen["exposure"]["clocks"] == ["exposure"]


def test_each_pixel_format_gives_the_same_picture(seen):
    off = seen["pictures"]
    assert off["RGB3"] == 0
    assert max(off["YUYV"], off["NV12"]) < 3
    assert off["GREY"] > 20  # its color bars have no color


def test_a_size_or_format_that_the_camera_has_not_is_refused(seen):
    size, fourcc = seen["wrong size"], seen["wrong format"]
    assert (size["error"], size["says"]) == (
        "InputError",
        "camera:0: expected 641x361 in YUYV, got 640x360 in YUYV",
    )
    assert (fourcc["error"], fourcc["says"]) == ("InputError", "camera:0: expected MJPG, got 640x360 in YUYV")
    assert "YUYV 3840x2160 1920x1080 1280x720 640x480 640x360 320x180, NV12" in size["hint"]


def test_a_camera_that_another_program_reads_is_told(seen):
    assert seen["busy"]["error"] == "UnavailableError"
    assert seen["busy"]["hint"].startswith("another program is using it")


def test_frames_that_the_driver_lost_are_counted(seen):
    numbers = seen["lost"]["numbers"]
    assert 0.15 < lost(numbers) / (numbers[-1] + 1) < 0.6


def test_through_opencv_lost_frames_are_not_seen(seen):
    assert lost(seen["opencv"]["numbers"]) == 0


def test_a_frame_that_the_driver_marks_as_broken_is_told_and_reading_goes_on(seen):
    (told,) = seen["broken"]["told"]
    assert told.endswith("expected a whole frame, got one that the driver marks as broken")
    assert len(seen["broken"]["numbers"]) == 19


def test_a_camera_that_fails_is_told_at_once_and_opens_again(seen):
    failed = seen["queue error"]
    assert (failed["error"], failed["says"]) == (
        "UnavailableError",
        "camera:0: expected a camera that captures, got Input/output error",
    )
    assert failed["took_s"] < 1
    assert seen["opened again"]["shape"] == [180, 320, 3]


def test_a_camera_that_is_unplugged_is_told_at_once_and_opens_when_it_is_back(seen):
    gone = seen["unplugged"]
    assert (gone["error"], gone["hint"]) == ("UnavailableError", "it was unplugged")
    assert gone["took_s"] < 1
    assert seen["plugged in"]["shape"] == [180, 320, 3]


def test_pictures_in_several_planes_are_left_to_opencv(seen):
    assert seen["planes"]["shape"] == [180, 320, 3]
    assert seen["planes refused"]["hint"] == "backend=opencv"
