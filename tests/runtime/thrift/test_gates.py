from __future__ import annotations

import numpy as np

from edge_sdk.runtime import Feed, Run, RunOptions
from edge_sdk.runtime.accounting import Accounts
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.thrift.gates import gated
from edge_sdk.runtime.thrift.motion import MotionOptions
from tests.fakes import Keep, Replay
from tests.runtime.models import card

SAMPLE = Sample(np.zeros(1), 0, 0, "file", "x")


def test_a_later_gate_sees_only_what_the_one_before_lets_through():
    asked = []
    closed = Feed(Replay([]), gate=lambda _: "slowed")
    assert gated(closed, [asked.append]).gate(SAMPLE) == "slowed"
    assert asked == []
    assert gated(Feed(Replay([])), [lambda _: None, lambda _: "gated"]).gate(SAMPLE) == "gated"


def test_without_gates_a_feed_stays_what_it_is():
    feed = Feed(Replay([]), gate=lambda _: "slowed")
    assert gated(feed, []) is feed


def test_a_run_counts_pictures_in_which_nothing_moves(colors):
    still, other = card("red"), card("blue")
    script = [still] * 10 + [other] + [still] * 20  # a picture a second
    motion = MotionOptions(glow_s=2, keep_alive_s=8)
    sink = Keep()
    report = Run(colors, Replay(script), sinks=[sink], options=RunOptions(motion=motion)).execute()
    passed = [outcome.seq for outcome in sink.outcomes]
    assert passed[:3] == [0, 1, 2]
    assert {10, 11, 12} <= set(passed)
    assert 9 < report.accounts.dropped["gated"] == 31 - len(passed)
    assert report.accounts == Accounts(31, len(passed), len(passed), dropped={"gated": 31 - len(passed)})


def test_each_source_has_a_gate_of_its_own(colors):
    sources = [Replay([card("red")] * 9, name="one"), Replay([card("red"), card("blue")] * 5, name="two")]
    motion = MotionOptions(glow_s=0.5, keep_alive_s=100)
    one, two = Run(colors, sources, options=RunOptions(motion=motion)).execute().sources
    assert (one.accounts.results, two.accounts.results) == (1, 10)
