from __future__ import annotations

import itertools

import pytest

from edge_sdk.agent.worker import vigil
from edge_sdk.agent.worker.messages import Beat
from edge_sdk.agent.worker.vigil import Beaten, Loaded, Over, Patience, Tick, Unwanted, Vigil, Wanted

CALM = Beat("running", results=20, resident_bytes=90_000_000)


def go(state, *happenings, chance=1.0):
    """Return the vigil after happenings, each (seconds, happening), and the effects that were no None."""
    effects = []
    for now_s, happening in happenings:
        state, effect = vigil.step(state, happening, now_s=now_s, chance=chance)
        effects += [effect] if effect else []
    return state, effects


@pytest.fixture
def running():
    return go(Vigil(Patience(max_memory_bytes=100_000_000)), (0, Wanted()), (2, Loaded()), (3, Beaten(CALM)))[0]


def test_one_that_is_wanted_is_started_and_one_that_is_not_stays_stopped():
    assert go(Vigil(Patience()), (0, Wanted())) == (Vigil(Patience(), "starting"), ["start"])
    stopped, effects = go(Vigil(Patience()), (0, Wanted()), (1, Unwanted()), (2, Over("end", "stopped")), (99, Tick()))
    assert (stopped.state, effects) == ("stopped", ["start"])


@pytest.mark.parametrize(
    ("at_s", "happening", "cause"),
    [
        (13.0, Tick(), "hang: no word for 10 s"),
        (4.0, Beaten(Beat("running", stuck_s=30.0)), "hang: one sample in the model for 30 s"),
        (
            4.0,
            Beaten(Beat("running", resident_bytes=150_000_000)),
            "out of memory: expected at most 100 MB, got 150 MB",
        ),
    ],
)
def test_one_that_hangs_or_is_too_large_is_killed_once_and_that_is_its_cause(running, at_s, happening, cause):
    after, effects = go(running, (at_s, happening), (at_s, happening), (at_s, Over("model", "killed by SIGKILL")))
    assert (effects, after.state, after.cause) == (["kill"], "waiting", cause)


def test_its_first_word_may_take_longer_than_the_others():
    begun = go(Vigil(Patience()), (0, Wanted()))[0]
    assert go(begun, (59, Tick())) == (begun, [])
    assert go(begun, (60, Tick()), (61, Over("model", "killed")))[0].cause == "hang: no word for 60 s"
    assert go(begun, (5, Beaten(Beat("loading"))), (15, Tick()))[1] == ["kill"]


def test_a_model_that_takes_minutes_to_open_is_given_its_time_if_it_beats():
    beats = [(at_s, Beaten(Beat("loading"))) for at_s in range(1, 299)]
    loading, effects = go(Vigil(Patience(loading_s=300.0)), (0, Wanted()), *beats, (298, Tick()))
    assert (loading.state, effects) == ("starting", ["start"])
    assert go(loading, (299, Beaten(Beat("loading"))), (300, Tick()))[1] == ["kill"]


def test_the_next_start_waits_longer_each_time_at_random_and_never_less_than_a_second(running):
    waits_s = {}
    for chance in (0.0, 1.0):
        state, waits_s[chance] = running, []
        for _ in range(8):
            state, _ = go(state, (100, Over("source", "gone")), chance=chance)
            waits_s[chance].append(state.retry_s - 100)
            state, effects = go(state, (100 + waits_s[chance][-1], Tick()))
            assert effects == ["start"]
    assert waits_s == {0.0: [1] * 8, 1.0: [2, 4, 8, 16, 32, 60, 60, 60]}


def test_the_third_failure_in_a_row_that_is_the_model_s_is_blamed_on_it_once(running):
    state, told = running, []
    for number, part in enumerate(("model", "source", "model", "model", "model")):
        state, effects = go(state, (100 * number, Over(part, f"crash {number}")), (100 * number + 70, Tick()))
        told.append(effects)
    assert told == [["start"], ["start"], ["start"], ["blame", "start"], ["start"]]


def test_a_minute_of_health_forgets_what_was(running):
    failed, _ = go(running, (9, Over("model", "crash")), (20, Tick()), (21, Loaded()), (80, Beaten(CALM)))
    assert (failed.failures, failed.guilty) == (1, 1)
    healthy, _ = go(failed, (81, Beaten(CALM)))
    assert (healthy.failures, healthy.guilty) == (0, 0)


def test_files_that_are_at_their_end_are_not_run_again(running):
    ended, effects = go(running, (9, Over("end", "end")), *((at_s, Tick()) for at_s in range(10, 200)))
    assert (ended.state, ended.cause, effects) == ("ended", "end", [])


def test_no_order_of_happenings_makes_starts_come_closer_than_a_second():
    kinds = (Loaded(), Beaten(CALM), Over("model", "crash"), Tick(), Over("sink", "full"))
    for order in itertools.product(kinds, repeat=4):
        state, starts = go(Vigil(Patience()), (0, Wanted()))[0], [0.0]
        for at_s, happening in zip(itertools.count(0.1, 0.2), order * 5, strict=False):
            state, effects = go(state, (at_s, happening), chance=0.0)
            starts += [at_s] * effects.count("start")
        assert all(later - sooner >= 0.99 for sooner, later in itertools.pairwise(starts))
