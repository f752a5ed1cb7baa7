from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_sdk.runtime.sinks.keep.share import Entry, loser, used_bytes

REASONS = ("margin", "novelty", "random")


def entries(*told):
    """Return entries of (reason, score, size), the oldest first."""
    return [Entry(i, f"{i}.jpg", reason, score, size, 0) for i, (reason, score, size) in enumerate(told)]


def test_the_reason_that_takes_most_gives_its_weakest_of_the_older_half():
    lying = entries(*[("margin", score, 10) for score in (0.9, 0.2, 0.5, 0.1)], ("random", 1.0, 10))
    assert loser(lying, "random", 10).number == 1


def test_of_equals_the_oldest_goes():
    assert loser(entries(*[("random", 1.0, 10)] * 5), "random", 10).number == 0


def test_the_newcomer_counts_with_its_reason():
    lying = entries(("margin", 0.5, 10), ("margin", 0.5, 10), ("random", 1.0, 15))
    assert loser(lying, "random", 10).reason == "random"
    assert loser(lying, "margin", 10).reason == "margin"


@given(
    st.lists(st.tuples(st.sampled_from(REASONS), st.floats(0, 1), st.integers(1, 100)), min_size=1),
    st.sampled_from(REASONS),
    st.integers(1, 100),
)
def test_a_reason_within_its_share_loses_nothing_to_another(told, reason, wanted_bytes):
    lying = entries(*told)
    gone = loser(lying, reason, wanted_bytes)
    there = {entry.reason for entry in lying}
    asked = wanted_bytes * (reason in there)
    share = (sum(entry.size_bytes for entry in lying) + asked) / len(there)
    assert used_bytes(lying, gone.reason) + asked * (gone.reason == reason) >= share
