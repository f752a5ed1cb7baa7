"""Our capture on drivers that lose frames, break them, have other clocks, and go away."""

from __future__ import annotations

import errno
from contextlib import closing

import cv2
import numpy as np
import pytest

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.sources.v4l2 import layouts
from edge_sdk.runtime.sources.v4l2.camera import V4l2Camera
from edge_sdk.runtime.sources.v4l2.modes import Asked
from tests.fakes import Captured, VideoNode

OFFERS = {"BGR3": {(8, 4): 25.0}}
FRAMES = [np.full((4, 8, 3), 10 * i, np.uint8).tobytes() for i in range(8)]


def opened(frames=FRAMES, **options):
    return V4l2Camera(VideoNode(OFFERS, frames, **options), Asked(), name="camera:0")


def read_all(camera):
    """Return the numbers of all frames and what was said about the ones that failed, in order."""
    told = []
    with closing(camera):
        for _ in range(20):
            try:
                told.append(camera.read().seq)
            except InputError as exc:
                told.append(str(exc))
            except UnavailableError:
                return told
    return told


def test_frames_come_in_order_as_pictures():
    with closing(opened()) as camera:
        samples = [camera.read() for _ in FRAMES]
    assert camera.fps == 25
    assert [sample.seq for sample in samples] == list(range(8))
    assert [sample.data.mean() for sample in samples] == [10 * i for i in range(8)]
    assert {(sample.data.shape, sample.clock, sample.source) for sample in samples} == {
        ((4, 8, 3), "driver", "camera:0")
    }


def test_jpeg_frames_come_as_small_as_they_were_asked_for():
    jpeg = cv2.imencode(".jpg", np.full((64, 96, 3), 90, np.uint8))[1].tobytes()
    node = VideoNode({"MJPG": {(96, 64): 30.0}}, [jpeg, jpeg[:-30]])
    with closing(V4l2Camera(node, Asked(), name="camera:0", reduce=2)) as camera:
        picture = camera.read().data
        with pytest.raises(InputError, match=r"^camera:0 #1: expected a whole JPEG picture, got [0-9]+ bytes"):
            camera.read()
    assert picture.shape == (32, 48, 3)
    assert abs(picture.mean() - 90) < 2


def test_frames_that_the_driver_lost_leave_a_gap():
    frames = [Captured(FRAMES[0], sequence) for sequence in (7, 8, 11, 12, 20)]
    assert read_all(opened(frames)) == [0, 1, 4, 5, 13]


@pytest.mark.parametrize("sequences", [(0, 0, 0), (5, 5, 4)], ids=["never counts", "goes back"])
def test_a_driver_that_does_not_count_loses_nothing(sequences):
    assert read_all(opened([Captured(FRAMES[0], sequence) for sequence in sequences])) == [0, 1, 2]


def test_the_driver_s_count_may_overflow():
    assert read_all(opened([Captured(FRAMES[0], (1 << 32) + i) for i in (-2, -1, 0, 2)])) == [0, 1, 2, 4]


def test_frames_of_before_the_first_read_are_left_out():
    frames = [Captured(FRAMES[i], is_early=i < 3) for i in range(5)]
    with closing(opened(frames)) as camera:
        first, second = camera.read(), camera.read()
    assert (first.seq, first.data.mean()) == (0, 30)
    assert (second.seq, second.data.mean()) == (1, 40)


def test_a_broken_frame_is_told_and_the_next_one_is_read():
    broken = Captured(FRAMES[1], flags=layouts.CLOCK_MONOTONIC | layouts.IS_BROKEN)
    camera = opened([FRAMES[0], broken, FRAMES[2][:-1], FRAMES[3]])
    assert read_all(camera) == [
        0,
        "camera:0 #1: expected a whole frame, got one that the driver marks as broken",
        "camera:0 #2: expected 96 bytes of BGR3, got 95",
        3,
    ]


def test_each_buffer_goes_back_to_the_driver_even_of_a_broken_frame():
    frames = [Captured(FRAMES[0], flags=layouts.IS_BROKEN if i % 2 else layouts.CLOCK_MONOTONIC) for i in range(10)]
    node = VideoNode(OFFERS, frames)
    read_all(V4l2Camera(node, Asked(), name="camera:0"))
    assert sorted(node.queued) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("flags", "clock"),
    [
        (layouts.CLOCK_MONOTONIC, "driver"),
        (layouts.CLOCK_MONOTONIC | layouts.STAMPED_AT_EXPOSURE, "exposure"),
    ],
)
def test_the_driver_s_time_is_taken_as_it_is(flags, clock):
    captured_us = monotonic_ns() // 1000 - 40_000
    with closing(opened([Captured(FRAMES[0], flags=flags, captured_us=captured_us)])) as camera:
        sample = camera.read()
    assert (sample.captured_ns, sample.clock) == (captured_us * 1000, clock)


@pytest.mark.parametrize(
    ("flags", "age_s"),
    [(layouts.CLOCK_MONOTONIC, -1000), (layouts.CLOCK_MONOTONIC, 60), (0, 0.04)],
    ids=["in the future", "long ago", "another clock"],
)
def test_a_time_that_cannot_be_believed_gives_way_to_the_arrival(flags, age_s):
    before_ns = monotonic_ns()
    captured_us = before_ns // 1000 - round(age_s * 1e6)
    with closing(opened([Captured(FRAMES[0], flags=flags, captured_us=captured_us)])) as camera:
        sample = camera.read()
    assert sample.clock == "arrival"
    assert before_ns <= sample.captured_ns <= monotonic_ns()


def test_a_frame_that_was_reckoned_a_little_ahead_is_captured_now():
    frame = Captured(FRAMES[0])
    with closing(opened([frame])) as camera:
        frame.captured_us = monotonic_ns() // 1000 + 49_000
        sample = camera.read()
        assert sample.clock == "driver"
        assert sample.captured_ns <= monotonic_ns()


def test_times_never_go_back():
    now_us = monotonic_ns() // 1000
    frames = [Captured(FRAMES[0], captured_us=now_us - ahead_us) for ahead_us in (100, 3000, 50)]
    with closing(opened(frames)) as camera:
        times = [camera.read().captured_ns for _ in frames]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("number", "message", "hint"),
    [
        (errno.ENODEV, "No such device", "it was unplugged"),
        (errno.EIO, "Input/output error", "it lost its signal, or was unplugged"),
    ],
)
def test_a_camera_that_goes_away_is_told(number, message, hint):
    camera = opened([FRAMES[0], OSError(number, message)])
    camera.read()
    with pytest.raises(UnavailableError) as caught:
        camera.read()
    assert str(caught.value) == f"camera:0: expected a camera that captures, got {message}"
    assert caught.value.hint == hint
    camera.close()


def test_a_camera_that_falls_silent_is_told():
    node = VideoNode(OFFERS, FRAMES[:1])
    camera = V4l2Camera(node, Asked(), name="camera:0", timeout_s=2)
    camera.read()
    with pytest.raises(UnavailableError, match=r"^camera:0: expected a frame, got none for 2 s$") as caught:
        camera.read()
    assert node.waited_s[-1] == 2
    assert caught.value.hint == "is it still connected, and does it have enough power?"


@pytest.mark.parametrize(
    ("call", "number", "hint"),
    [
        (layouts.S_FMT, errno.EBUSY, "another program is using it"),
        (layouts.REQBUFS, errno.EBUSY, "another program is using it"),
        (layouts.STREAMON, errno.ENOSPC, "the USB bus has no room for its frames"),
    ],
)
def test_what_keeps_a_camera_from_capturing_is_told_with_its_cure(call, number, hint):
    with pytest.raises(UnavailableError) as caught:
        opened(refuses={call: number})
    assert str(caught.value).startswith("camera:0: expected a camera that captures, got ")
    assert caught.value.hint.startswith(hint)


def test_closing_stops_the_stream_and_gives_the_node_back():
    node = VideoNode(OFFERS, FRAMES)
    V4l2Camera(node, Asked(), name="camera:0").close()
    assert node.calls[-1] == layouts.STREAMOFF
    assert node.closed == 1
