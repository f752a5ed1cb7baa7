from __future__ import annotations

import time

from edge_sdk import clock


def test_the_monotonic_clock_is_the_one_that_cameras_stamp_frames_with():
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    now = clock.monotonic_ns()
    assert before <= now <= time.clock_gettime_ns(time.CLOCK_MONOTONIC)
