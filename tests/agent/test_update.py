from dataclasses import replace
from typing import get_args

import pytest

from edge_sdk.agent import happening as happen
from edge_sdk.agent.health import Baseline, Health
from edge_sdk.agent.update import ENDS, MAX_ATTEMPTS, MAX_FETCHES, Rejected, Stage, UpdateState, step
from edge_sdk.errors import InputError
from tests.agent.offers import offer

OLD, NEW, OTHER = "a" * 64, "b" * 64, "c" * 64
GOOD = offer("b")
PROVED = happen.Proved("m" * 64, 1000, has_model=True, baseline=Baseline(10.0, 1000), is_online=True)
COMPARED = happen.Compared(50, 0.95, 1.1, 1000, Baseline(9.0, 1000), is_online=True)
HEALTHY = happen.Watched(Health(0.0, 10.0, 10.0, 10.0, results=100, latencies_ms=(9.0,) * 10, resident_bytes=1000))
WAY = (
    (happen.Offered(GOOD, OLD), "offered", "weigh"),
    (happen.Weighed(1000, 2000), "fetching", "fetch"),
    (happen.Fetched(), "verified", "stage"),
    (happen.Staged(), "staged", "tidy"),
    (happen.Tidied(), "golden", "prove"),
    (PROVED, "shadow", "compare"),
    (COMPARED, "trial", "try"),
    (HEALTHY, "confirmed", "promote"),
    (happen.Settled(NEW), "confirmed", None),
)
STAGES = get_args(Stage)


def _after(*events, state=None):
    state = state or UpdateState()
    for event in events:
        state, _ = step(state, event)
    return state


def _in(stage):
    """Return an update in a stage, on the way that leads there."""
    if stage == "idle":
        return UpdateState()
    if stage == "refused":
        return _after(happen.Refuted("bad"), state=_in("golden"))
    if stage == "rolled_back":
        return _after(happen.Refuted("bad"), state=_in("trial"))
    last = max(number for number, (_, reached, _) in enumerate(WAY) if reached == stage)
    return _after(*[event for event, _, _ in WAY[: last + 1]])


def test_a_good_release_goes_the_whole_way():
    state = UpdateState()
    for event, stage, effect in WAY:
        state, got = step(state, event)
        assert (state.stage, got) == (stage, effect)
    assert state.baseline.latency_ms == 9.0
    assert state.model_sha256 == "m" * 64


@pytest.mark.parametrize("stage", STAGES)
def test_a_restart_goes_on_where_it_was(stage):
    state, effect = step(_in(stage), happen.Restarted())
    assert state.stage == stage
    assert effect == replace(_in(stage), is_settled=False).effect
    assert state.attempts == (2 if stage in {"golden", "shadow", "trial"} else 0)


@pytest.mark.parametrize(("stage", "end"), [("golden", "refused"), ("shadow", "refused"), ("trial", "rolled_back")])
def test_a_candidate_that_takes_the_board_down_again_and_again_is_given_up(stage, end):
    state = _after(*[happen.Restarted()] * MAX_ATTEMPTS, state=_in(stage))
    assert (state.stage, state.rejected) == (end, (Rejected(NEW, 1),))
    assert state.reason == f"expected it to outlast its {stage}, got 3 restarts of the agent"


@pytest.mark.parametrize("stage", STAGES)
def test_a_state_is_read_as_it_was_written(stage):
    state = _in(stage)
    assert UpdateState.decode(state.encode()) == state


@pytest.mark.parametrize("document", [b"", b"{}", b'{"schema":1,"stage":"trial"}', b"\x00" * 100])
def test_a_state_that_is_none_is_told(document):
    with pytest.raises(InputError, match="update"):
        UpdateState.decode(document)


def test_too_little_room_waits_and_is_told():
    state, effect = step(_in("offered"), happen.Weighed(1000, 999))
    assert (state.stage, effect) == ("offered", "wait")
    assert state.reason == "disk: expected 1000 bytes free, got 999"
    assert step(state, happen.Waited())[1] == "weigh"


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage not in {"idle", "trial"}])
def test_what_is_nobodys_fault_is_tried_again_later(stage):
    state, effect = step(replace(_in(stage), is_settled=False), happen.Failed("network: expected an answer, got none"))
    assert (state.stage, effect) == (stage, "wait")
    assert step(state, happen.Waited())[1] == state.effect


def test_a_trial_never_waits_unwatched():
    assert step(_in("trial"), happen.Failed("worker: it is not there yet"))[1] == "try"


def test_a_release_that_is_here_is_not_fetched():
    assert _after(happen.Found(), state=_in("offered")).stage == "staged"


@pytest.mark.parametrize("stage", ["verified", "golden", "shadow"])
def test_spoiled_bytes_are_fetched_anew_a_few_times(stage):
    state, effect = step(_in(stage), happen.Spoiled("disk: other bytes"))
    assert (state.stage, effect, state.fetches) == ("fetching", "fetch", 2)
    again = (happen.Fetched(), happen.Spoiled("disk: other bytes"))
    state = _after(*again * (MAX_FETCHES - 1), state=state)
    assert (state.stage, state.reason) == ("refused", "disk: other bytes; fetched 3 times")


@pytest.mark.parametrize("stage", ["trial", "confirmed"])
def test_a_release_in_use_that_is_spoiled_is_left_and_fetched_anew(stage):
    state, effect = step(_in(stage), happen.Spoiled("package: other bytes"))
    assert (state.stage, effect, state.leaving, state.rejected) == ("rolled_back", "retreat", NEW, ())
    state, effect = step(state, happen.Settled(OLD))
    assert (state.stage, effect, state.offer) == ("offered", "weigh", GOOD)


def test_without_a_model_in_use_the_trial_comes_at_once():
    proved = replace(PROVED, has_model=False)
    assert _after(proved, state=_in("golden")).stage == "trial"
    unshadowed = replace(_in("golden"), offer=offer("b", shadow_samples=0))
    assert _after(PROVED, state=unshadowed).stage == "trial"


@pytest.mark.parametrize(
    ("compared", "reason"),
    [
        (replace(COMPARED, agreement=0.5), "expected an agreement of 0.9 or more, got 0.500 on 50 samples"),
        (
            replace(COMPARED, latency_ratio=5.0),
            "expected at most 2 times the latency of the model in use, got 5.00 times",
        ),
        (replace(COMPARED, memory_bytes=501), "expected at most 500 bytes of memory, got 501"),
    ],
)
def test_a_shadow_that_is_worse_is_refused_with_both_figures(compared, reason):
    state = replace(_in("shadow"), offer=offer("b", max_memory_bytes=500))
    state, effect = step(state, compared)
    assert (state.stage, effect, state.reason) == ("refused", "discard", reason)


def test_a_candidate_that_takes_too_much_memory_alone_is_refused():
    state = replace(_in("golden"), offer=offer("b", max_memory_bytes=500))
    assert _after(PROVED, state=state).reason == "expected at most 500 bytes of memory, got 1000"


def test_no_samples_to_compare_are_waited_for():
    state, effect = step(_in("shadow"), replace(COMPARED, samples=0, agreement=0.0))
    assert (state.stage, effect, state.reason) == ("shadow", "wait", "expected samples to compare, got none")


def test_a_trial_is_rolled_back_for_what_health_finds():
    sick = happen.Watched(replace(HEALTHY.health, failures=50))
    state, effect = step(_in("trial"), sick)
    assert (state.stage, effect, state.leaving) == ("rolled_back", "retreat", NEW)
    assert state.reason == "expected a result of each sample, got none or no numbers for 50 of 150"


def test_a_trial_goes_on_until_there_are_enough_results():
    state, effect = step(_in("trial"), happen.Watched(replace(HEALTHY.health, results=99)))
    assert (state.stage, effect) == ("trial", "try")


@pytest.mark.parametrize("stage", ["refused", "rolled_back"])
def test_what_was_rejected_waits_for_another_revision(stage):
    state = _after(happen.Settled(OLD), state=_in(stage))
    assert step(state, happen.Offered(GOOD, OLD)) == (state, None)
    again, effect = step(state, happen.Offered(offer("b", revision=2), OLD))
    assert (again.stage, effect) == ("offered", "weigh")


@pytest.mark.parametrize("stage", ["offered", "fetching", "verified", "staged", "golden", "shadow", "trial"])
def test_a_newer_release_takes_the_place_of_one_under_way(stage):
    other = offer("c", revision=2)
    state, effect = step(_in(stage), happen.Offered(other, OLD))
    assert effect == ("retreat" if stage == "trial" else "discard")
    assert (state.reason, state.rejected) == ("parts-c is wanted instead", ())
    state, effect = step(state, happen.Settled(OLD))
    assert (state.stage, effect, state.offer, state.upcoming) == ("offered", "weigh", other, None)


def test_the_same_release_under_a_newer_revision_goes_on():
    state, effect = step(_in("golden"), happen.Offered(offer("b", revision=2), OLD))
    assert (state.stage, effect, state.offer.revision) == ("golden", "prove", 2)


def test_what_is_in_use_is_not_installed_again():
    state, effect = step(UpdateState(), happen.Offered(offer("a"), OLD))
    assert (state.stage, effect, state.offer) == ("idle", None, offer("a"))
    confirmed = _in("confirmed")
    assert step(confirmed, happen.Offered(GOOD, NEW)) == (confirmed, None)


def test_the_release_before_can_be_assigned_again():
    state, effect = step(_in("confirmed"), happen.Offered(offer("a", revision=2), NEW))
    assert (state.stage, effect) == ("offered", "weigh")


@pytest.mark.parametrize("stage", ["trial", "confirmed"])
def test_a_release_that_cuts_the_board_off_is_rolled_back(stage):
    state = _in(stage)
    assert state.awaits_fleet
    state, _ = step(state, happen.CutOff(3599.0))
    assert (state.stage, state.cut_off_s) == (stage, 3599.0)
    state, effect = step(state, happen.CutOff(3600.0))
    assert (state.stage, effect, state.rejected) == ("rolled_back", "retreat", (Rejected(NEW, 1),))
    assert state.reason == "expected to reach the fleet within 3600 s, as before it, got no answer"


def test_a_board_that_was_offline_before_is_not_cut_off():
    state = _after(replace(COMPARED, is_online=False), state=_in("shadow"))
    assert step(state, happen.CutOff(1e9))[0].stage == "trial"


def test_a_fleet_that_was_reached_ends_the_watch():
    state = _after(happen.Reached(), state=_in("confirmed"))
    assert step(state, happen.CutOff(1e9))[0].stage == "confirmed"


@pytest.mark.parametrize("stage", ["idle", "refused", "rolled_back", "confirmed"])
def test_a_model_in_use_that_is_unwanted_is_left(stage):
    current = NEW if stage == "confirmed" else OLD
    state, effect = step(_in(stage), happen.Unwanted("asked for", current))
    assert (state.stage, effect, state.leaving, state.reason) == ("rolled_back", "retreat", current, "asked for")


def test_what_is_under_way_is_taken_up_after_the_model_in_use_was_left():
    state = _after(happen.Unwanted("crashes", OLD), state=_in("golden"))
    assert (state.leaving, state.upcoming) == (OLD, GOOD)
    state, effect = step(state, happen.Settled(OTHER))
    assert (state.stage, effect) == ("offered", "weigh")


def test_with_no_model_in_use_there_is_nothing_to_leave():
    assert step(UpdateState(), happen.Unwanted("asked for", "")) == (UpdateState(), None)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("event", [happen.Fetched(), happen.Tidied(), HEALTHY, COMPARED, happen.Waited()])
def test_what_says_nothing_to_a_stage_changes_nothing(stage, event):
    state, effect = step(_in(stage), event)
    if state.stage == stage:
        assert (state, effect) == (_in(stage), _in(stage).effect)
    else:
        assert stage not in {*ENDS, "idle"}


def test_the_rejected_have_a_bound():
    state = UpdateState()
    for number in range(100):
        offered = happen.Offered(offer(f"{number:064x}"), OLD)
        again = (happen.Fetched(), happen.Spoiled("bad"))
        state = _after(offered, happen.Weighed(1, 2), *again * 3, happen.Settled(OLD), state=state)
        assert state.stage == "refused"
    assert len(state.rejected) == 32
