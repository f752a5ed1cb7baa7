"""The state machine that watches a live source, in time of its own: no clock, no thread, no chance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_sdk.errors import InputError
from edge_sdk.runtime.supervision import Ended, Failed, Heard, Limits, Tick, begin, step

S = 1_000_000_000


class Source:
    """A watched source; what is done to it moves its clock."""

    def __init__(self, *, can_reopen=True, chance=0.5, **limits):
        self.now_ns = self.reading_since_ns = 0
        self.watch = begin(Limits(**limits), can_reopen=can_reopen, now_ns=0)
        self.effects, self.states, self.chance, self.number = [], ["live"], chance, 0

    def happen(self, happening):
        self.watch, effect = step(self.watch, happening, now_ns=self.now_ns, chance=self.chance)
        if effect is not None:
            self.effects.append((self.now_ns / S, effect))
        if self.watch.state != self.states[-1]:
            self.states.append(self.watch.state)

    def wait(self, seconds, *, hear=None):
        """Let time pass in tenths of a second; `hear` is `fresh` or `same` samples, or none."""
        for _ in range(round(seconds * 10)):
            self.now_ns += S // 10
            if hear is not None:
                self.number += hear == "fresh"
                self.reading_since_ns = self.now_ns
                self.happen(Heard(self.number, self.now_ns))
            self.happen(Tick(self.reading_since_ns))


def test_a_source_that_gives_fresh_samples_stays_live():
    source = Source()
    source.wait(100, hear="fresh")
    assert (source.states, source.effects) == (["live"], [])


def test_a_mute_source_is_stalled_after_two_seconds_and_opened_anew_after_ten():
    source = Source()
    source.wait(1, hear="fresh")
    source.wait(1.9)
    assert source.states == ["live"]
    source.wait(0.1)
    assert (source.watch.state, source.watch.cause) == ("stalled", "no sample for 2 s")
    source.wait(8)
    assert (source.watch.state, source.watch.cause) == ("reconnecting", "no sample for 10 s")
    source.wait(0.5)
    assert source.effects == [(11.0, "abandon"), (11.5, "reopen")]


def test_a_stalled_source_that_speaks_again_is_live_and_keeps_its_thread():
    source = Source()
    source.wait(5)
    source.wait(0.1, hear="fresh")
    assert (source.states, source.effects) == (["live", "stalled", "live"], [])


def test_a_frozen_source_is_stalled_after_ten_seconds_and_opened_anew_after_twenty():
    source = Source()
    source.wait(1, hear="fresh")
    source.wait(9.9, hear="same")
    assert source.states == ["live"]
    source.wait(0.1, hear="same")
    assert (source.watch.state, source.watch.cause) == ("stalled", "the same sample for 10 s")
    source.wait(10, hear="same")
    assert source.effects == [(21.0, "abandon")]
    source.wait(0.5)
    source.wait(0.5, hear="same")
    assert source.watch.state == "reconnecting"
    source.wait(0.1, hear="fresh")
    assert (source.watch.state, source.effects) == ("live", [(21.0, "abandon"), (21.5, "reopen")])


def test_a_stamp_that_stands_still_is_frozen_too():
    source = Source()
    for number in range(120):
        source.now_ns += S // 10
        source.happen(Heard(number, captured_ns=S))
    assert source.watch.state == "stalled"


def test_equal_samples_that_have_no_fingerprint_are_nothing_strange():
    source = Source()
    for _ in range(300):
        source.now_ns += S // 10
        source.happen(Heard(None, source.now_ns))
    assert source.states == ["live"]


def test_nobody_looks_for_frozen_samples_if_asked_not_to():
    source = Source(frozen_s=0)
    source.wait(100, hear="same")
    assert source.states == ["live"]


def test_attempts_wait_twice_as_long_each_time_up_to_thirty_seconds():
    source, waits = Source(), []
    for _ in range(9):
        source.happen(Failed("gone"))
        waits.append((source.watch.retry_ns - source.now_ns) / S)
        source.now_ns = source.watch.retry_ns
        source.happen(Tick(None))
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert [effect for _, effect in source.effects] == ["reopen"] * 9


@pytest.mark.parametrize(("chance", "wait_s"), [(0.0, 0.4), (1.0, 0.6)])
def test_attempts_differ_by_chance(chance, wait_s):
    source = Source(chance=chance)
    source.happen(Failed("gone"))
    assert source.watch.retry_ns == wait_s * S


@pytest.mark.parametrize(("healthy_s", "attempts"), [(59, 3), (61, 1)])
def test_attempts_are_forgotten_after_a_minute_of_health(healthy_s, attempts):
    source = Source()
    for _ in range(2):
        source.happen(Failed("gone"))
        source.wait(3)
    source.wait(healthy_s, hear="fresh")
    source.happen(Failed("gone again"))
    assert source.watch.attempts == attempts


def test_an_opening_that_brings_nothing_fresh_is_an_attempt_that_failed():
    source = Source()
    source.happen(Failed("gone"))
    source.wait(0.5)
    source.wait(10)
    assert source.effects == [(0.5, "reopen"), (10.5, "abandon")]
    assert source.watch.attempts == 2


def test_a_source_is_given_up_after_the_time_that_it_may_reconnect():
    source = Source(reconnect_for_s=5)
    source.happen(Failed("gone"))
    source.wait(6)
    assert source.states == ["live", "reconnecting", "dead"]
    assert source.effects[-1] == (5.0, "retire")
    assert source.watch.cause == "gone, and nothing fresh for 5 s"


@pytest.mark.parametrize("end", [Failed("gone"), Ended()])
def test_what_cannot_be_opened_again_is_over(end):
    source = Source(can_reopen=False)
    source.happen(end)
    source.wait(100, hear="fresh")
    assert source.watch.state == ("ended" if end == Ended() else "dead")
    assert source.effects == [(0.0, "retire")]


def test_whoever_waits_for_the_model_is_not_silent():
    source = Source()
    source.reading_since_ns = None
    source.wait(100)
    assert source.states == ["live"]


def test_a_source_that_is_slow_by_nature_has_longer_limits():
    assert Limits().at_rate(30) == Limits()
    assert Limits().at_rate(0.1) == Limits(stall_s=30, hang_s=60)


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ({"stall_s": 0}, "stall_s: expected more than 0, got 0"),
        ({"reconnect_for_s": -1}, "reconnect_for_s: expected 0 or more, got -1"),
    ],
)
def test_a_limit_that_is_none_is_refused(limit, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        Limits(**limit)


HAPPENINGS = st.one_of(
    st.builds(Heard, st.none() | st.integers(0, 2), st.integers(0, 100 * S)),
    st.builds(Failed, st.just("gone")),
    st.builds(Tick, st.none() | st.integers(0, 10 * S)),
)


@given(script=st.lists(st.tuples(HAPPENINGS, st.integers(0, 20 * S), st.floats(0, 1)), max_size=60))
def test_whatever_happens_a_source_that_is_not_live_is_tried_again_in_time(script):
    now_ns = 0
    watch = begin(Limits(), can_reopen=True, now_ns=0)
    for happening, later_ns, chance in script:
        now_ns += later_ns
        before = watch
        watch, effect = step(watch, happening, now_ns=now_ns, chance=chance)
        assert watch.state in {"live", "stalled", "reconnecting"}
        assert (watch.lost_ns is None) == (watch.state == "live")
        if effect == "reopen":
            assert (before.state, before.retry_ns <= now_ns, watch.retry_ns) == ("reconnecting", True, None)
        if watch.retry_ns is not None:
            assert watch.state == "reconnecting"
            assert watch.retry_ns - now_ns <= 36 * S
