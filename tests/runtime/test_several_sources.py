"""Several sources in one run: each has its turn, none holds the others up, and each is accounted for."""

from __future__ import annotations

import threading

import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime import Feed, Run, RunOptions
from edge_sdk.runtime.accounting import Accounts, total
from tests.fakes import LOST, Keep, Replay, Slow
from tests.runtime.models import COLORS, card

CARDS = [card(name) for name in COLORS]


def of(report, name):
    """Return the accounts of one source."""
    return next(source.accounts for source in report.sources if source.name == name)


def test_a_fast_and_a_slow_source_have_their_turns_beside_a_stuck_one(colors):
    never = threading.Event()
    fast = Replay(CARDS * 1000, live=True, stalls_s=(1 / 30,), name="fast")
    slow = Replay(CARDS * 1000, live=True, stalls_s=(1 / 5,), name="slow")
    stuck = Replay([CARDS[0], never], live=True, name="stuck")
    sink, model = Keep(), Slow(colors, 0.08)  # slower than the fast source, and faster than the slow one
    threading.Timer(3.2, never.set).start()
    report = Run(model, [fast, slow, stuck], sinks=[sink], options=RunOptions(duration_s=3)).execute()
    assert of(report, "stuck").results == 1
    assert of(report, "slow").results >= 6  # 15, where the machine has time
    assert of(report, "slow").results / of(report, "slow").captured > 0.7  # all but the last, where it has time
    assert 8 <= of(report, "fast").results < of(report, "fast").captured - 15
    waits_ms = [outcome.age_ms for outcome in sink.outcomes if outcome.source == "slow"]
    assert sorted(waits_ms)[len(waits_ms) // 2] < 500
    assert report.accounts == total(source.accounts for source in report.sources)


def test_sources_take_turns_whatever_waits_at_the_others(colors):
    many, few = Replay(CARDS * 20, name="many"), Replay(CARDS * 2, name="few")
    sink = Keep()
    Run(Slow(colors, 0.005), [many, few], sinks=[sink]).execute()
    order = [outcome.source for outcome in sink.outcomes]
    assert order[2:10] in (["many", "few"] * 4, ["few", "many"] * 4)
    for source in ("many", "few"):
        seqs = [outcome.seq for outcome in sink.outcomes if outcome.source == source]
        assert seqs == list(range(60 if source == "many" else 6))


def test_a_dead_source_does_not_end_the_run_and_is_raised_at_its_end(colors):
    dead = Replay([CARDS[0], UnavailableError("camera:1: gone")], name="camera:1")
    clip = Replay(CARDS * 10, stalls_s=(0.005,), name="clip")
    run = Run(colors, [dead, clip])
    with pytest.raises(UnavailableError, match=r"^camera:1: gone$"):
        run.execute()
    assert of(run.report(), "camera:1") == Accounts(captured=1, delivered=1, results=1)
    assert of(run.report(), "clip") == Accounts(captured=30, delivered=30, results=30)
    assert run.report().ended == "failed"


def test_sources_are_closed_when_the_run_ends(colors):
    sources = [Replay(CARDS, name="a"), Replay(CARDS * 100, name="b")]
    Run(colors, sources, options=RunOptions(max_frames=3)).execute()
    assert [source.is_closed for source in sources] == [True, True]


def test_max_frames_counts_the_samples_of_all_sources(colors):
    sources = [Replay(CARDS * 10, name=name) for name in "ab"]
    report = Run(colors, sources, options=RunOptions(max_frames=10)).execute()
    assert (report.accounts.delivered, report.ended) == (10, "max-frames")


def test_samples_lost_before_us_are_seen_by_their_numbers(colors):
    script = [LOST, CARDS[0], LOST, LOST, InputError("unreadable"), CARDS[1], InputError("unreadable"), CARDS[2]]
    report = Run(colors, Replay(script)).execute()
    assert report.accounts == Accounts(captured=7, delivered=3, results=3, dropped={"unreadable": 2, "lost": 2})


def test_a_gate_decides_what_the_model_sees(colors):
    quiet = Feed(Replay(CARDS * 4, name="quiet"), gate=lambda sample: "gated" if sample.seq % 3 else None)
    report = Run(colors, [quiet, Replay(CARDS, name="all")]).execute()
    assert of(report, "quiet") == Accounts(captured=12, delivered=4, results=4, dropped={"gated": 8})
    assert of(report, "all").results == 3


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "sources: expected at least one, got none"),
        (["a", "b", "a"], "sources: expected different ones, got a twice"),
    ],
)
def test_sources_that_cannot_be_told_apart_are_refused(colors, names, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        Run(colors, [Replay(CARDS, name=name) for name in names])
