from __future__ import annotations

from itertools import pairwise

import numpy as np

from edge_sdk.runtime.sources.stream_clock import StreamClock

MS = 1_000_000
PERIOD = 40 * MS
START = 5_000_000 * MS


def captured(arrivals, *, first=0, period=PERIOD):
    """Return what the clock makes of frames of a steady stream that arrive at these times."""
    clock = StreamClock()
    return [clock.captured_ns(first + number * period, at) for number, at in enumerate(arrivals)]


def test_the_jitter_of_arrivals_is_taken_out():
    noise = np.random.default_rng(0).exponential(10 * MS, 500).astype(int)
    arrivals = [START + number * PERIOD + int(late) for number, late in enumerate(noise)]
    steps = np.diff(captured(arrivals)[100:])
    assert abs(steps - PERIOD).max() < MS
    assert abs(np.diff(arrivals[100:]) - PERIOD).max() > 30 * MS


def test_a_stream_that_falls_behind_is_as_old_as_it_is():
    arrivals = [START + number * PERIOD + max(0, number - 50) * 20 * MS for number in range(100)]
    ages = [at - when for at, when in zip(arrivals, captured(arrivals), strict=True)]
    assert max(ages[:51]) == 0
    assert abs(ages[-1] - 49 * 20 * MS) < MS


def test_a_stream_that_was_behind_at_first_is_placed_by_its_best_frame():
    arrivals = [START + 400 * MS] * 10 + [START + number * PERIOD for number in range(10, 20)]
    assert captured(arrivals)[10:] == arrivals[10:]


def test_a_slow_camera_clock_is_followed():
    arrivals = [START + number * PERIOD * 100_005 // 100_000 for number in range(100_000)]
    assert arrivals[-1] - captured(arrivals)[-1] < MS


def test_a_stream_that_begins_anew_is_placed_anew():
    clock = StreamClock()
    assert clock.captured_ns(1_000_000 * MS, START) == START
    assert clock.captured_ns(0, START + PERIOD) == START + PERIOD
    assert clock.captured_ns(PERIOD, START + 2 * PERIOD + 7 * MS) <= START + 2 * PERIOD + MS


def test_times_never_go_back_nor_ahead_of_the_arrival():
    noise = np.random.default_rng(1).normal(0, 30 * MS, 500).astype(int)
    clock = StreamClock()
    arrivals = [START + number * PERIOD for number in range(500)]
    times = [clock.captured_ns(at + int(off), at) for at, off in zip(arrivals, noise, strict=True)]
    assert all(before <= after for before, after in pairwise(times))
    assert all(when <= at for when, at in zip(times, arrivals, strict=True))


def test_a_stream_without_times_is_stamped_when_it_arrives():
    clock = StreamClock()
    times = [clock.captured_ns(0, START + number * PERIOD) for number in range(5)]
    assert times == [START + number * PERIOD for number in range(5)]
