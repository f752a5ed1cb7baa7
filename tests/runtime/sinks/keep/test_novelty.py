from __future__ import annotations

import numpy as np

from edge_sdk.runtime.sinks.keep.novelty import Seen
from tests.runtime.sinks.keep.outcomes import noise


def grey(level):
    return np.full((144, 256, 3), level, np.uint8)


def test_the_first_of_its_kind_is_new_and_the_next_is_not():
    seen = Seen(levels=10)
    assert seen.novelty(grey(90)) == 1.0
    assert [seen.novelty(grey(level)) for level in (90, 95, 99)] == [0, 0, 0]
    assert seen.novelty(grey(170)) > 0.9
    assert [seen.novelty(grey(level)) for level in (90, 170)] == [0, 0]


def test_what_is_further_away_is_newer():
    far, near = Seen(levels=10), Seen(levels=10)
    far.novelty(grey(0))
    near.novelty(grey(0))
    assert 0.5 <= near.novelty(grey(12)) < far.novelty(grey(200)) < 1.0


def test_slow_change_is_followed_and_a_sudden_one_is_told():
    seen = Seen(levels=10)
    seen.novelty(grey(50))
    steps = [seen.novelty(grey(50 + i // 10)) for i in range(1000)]
    assert sum(step > 0 for step in steps) == 0
    assert seen.novelty(grey(250)) > 0


def test_what_was_not_met_for_long_is_forgotten_and_the_memory_is_bounded():
    seen = Seen(levels=10)
    picture = noise(0, size_wh=(256, 144))
    assert [seen.novelty(picture) > 0 for _ in range(2)] == [True, False]
    assert all(seen.novelty(noise(seed, size_wh=(256, 144))) > 0 for seed in range(1, 100))
    assert seen.novelty(picture) > 0


def test_other_sizes_are_new_and_tiny_pictures_are_nothing():
    seen = Seen(levels=10)
    seen.novelty(grey(90))
    assert seen.novelty(np.full((60, 100, 3), 90, np.uint8)) == 1.0
    assert seen.novelty(np.zeros((2, 2, 3), np.uint8)) == 0.0
