from __future__ import annotations

import math
from dataclasses import replace

from edge_sdk.runtime.sustain.record import Stretch
from edge_sdk.runtime.sustain.stretches import Stretches
from tests.runtime.sustain.looks import look


def stretches(seconds, *, asked_s, ms=lambda at_s: at_s * 500.0):
    seen = Stretches(look(0), duration_s=asked_s)
    for at_s in range(1, seconds + 1):
        seen.take(replace(look(at_s), frames_ms=ms(at_s)))
    return seen


def test_of_a_long_measurement_a_minute_at_each_end_counts():
    seen = stretches(600, asked_s=600, ms=lambda at_s: at_s * 500.0 + max(0, at_s - 300) * 100.0)
    assert seen.first() == Stretch(0.0, 60.0, 10.0, 50.0, 10**8)
    assert seen.last() == Stretch(540.0, 600.0, 10.0, 60.0, 10**8)


def test_of_a_short_one_a_third_counts():
    seen = stretches(9, asked_s=9)
    assert [(one.from_s, one.to_s) for one in (seen.first(), seen.last())] == [(0.0, 3.0), (6.0, 9.0)]


def test_one_that_ended_at_once_has_nothing_to_tell():
    first = stretches(0, asked_s=9).first()
    assert (first.results_per_s, math.isnan(first.frame_ms)) == (0.0, True)
