from __future__ import annotations

import pytest

from edge_sdk.errors import InputError
from edge_sdk.runtime.follow import EventFollower, EventOptions
from edge_sdk.runtime.frame import Outcome, Timings
from edge_sdk.tasks import Classification, TensorResult

LABELS = ("silence", "yes", "no")
OPTIONS = EventOptions(threshold=0.6, window_s=0.5, refractory_s=1.0, quiet=frozenset({"silence"}))


def heard(scores, *, start: int = 0, step_ms: int = 100, follower: EventFollower | None = None) -> list[list[str]]:
    """Return the events of a row of probabilities of `yes`; the rest is silence."""
    follower = follower or EventFollower(OPTIONS)
    told = []
    for i, score in enumerate(scores):
        value = Classification((1, 0), (score, 1 - score))
        outcome = Outcome(i, (start + i * step_ms) * 10**6, "driver", "mic", "0", value, LABELS, Timings(0, 0, 0), 1.0)
        told.append([one["label"] for one in follower.follow(outcome).value.to_data(LABELS)["events"]])
    return told


def test_a_word_in_many_windows_is_heard_once():
    told = heard([0.0] * 10 + [0.9] * 8 + [0.0] * 10)
    assert [i for i, events in enumerate(told) if events] == [13]
    assert told[13] == ["yes"]


def test_one_confident_slip_is_no_event():
    assert not any(heard([0.0] * 10 + [1.0] + [0.0] * 10))


def test_a_word_said_again_after_a_while_is_heard_again():
    told = heard([0.0] * 5 + [0.9] * 6 + [0.0] * 10 + [0.9] * 6)
    assert sum(map(bool, told)) == 2


def test_a_word_that_lasts_is_told_once_in_each_rest():
    assert sum(map(bool, heard([0.9] * 35))) == 4


def test_seconds_count_and_not_samples():
    slow, fast = heard([0.9] * 20, step_ms=100), heard([0.9] * 80, step_ms=25)
    assert sum(map(bool, slow)) == sum(map(bool, fast)) == 2


def test_what_was_before_a_gap_says_nothing_of_now():
    follower = EventFollower(OPTIONS)
    assert not any(heard([0.0] * 5, follower=follower))
    assert heard([0.9], start=5000, follower=follower) == [["yes"]]


def test_a_replay_is_heard_like_the_first_time():
    follower = EventFollower(OPTIONS)
    scores = [0.0] * 5 + [0.9] * 6
    assert heard(scores, follower=follower) == heard(scores, follower=follower)


def test_the_own_classes_of_a_sample_stay():
    value = Classification((1,), (0.5,))
    outcome = Outcome(0, 0, "driver", "mic", "0", value, LABELS, Timings(0, 0, 0), 1.0)
    data = EventFollower().follow(outcome).to_data()["value"]
    assert data == {"classes": [{"class": 1, "label": "yes", "score": 0.5}], "events": []}


def test_what_is_no_classification_is_refused():
    outcome = Outcome(0, 0, "driver", "mic", "0", TensorResult({}), LABELS, Timings(0, 0, 0), 1.0)
    with pytest.raises(InputError, match=r"^events: expected a classification, got TensorResult$"):
        EventFollower().follow(outcome)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"threshold": 0}, "threshold: expected more than 0, up to 1, got 0"),
        ({"window_s": -1}, "window_s, refractory_s: expected 0 or more, got -1 and 1.0"),
    ],
)
def test_impossible_options_are_refused(wrong, message):
    with pytest.raises(InputError) as caught:
        EventOptions(**wrong)
    assert str(caught.value) == message
