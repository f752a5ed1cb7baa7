"""Sinks that are slow, fail or hang: who waits for them, who does not, and that each result is accounted for."""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_sdk.errors import UnavailableError
from edge_sdk.runtime import Run, RunOptions
from edge_sdk.runtime.books import Books
from edge_sdk.runtime.events import Event
from edge_sdk.runtime.outlet import Outlet
from edge_sdk.runtime.record import SinkReport
from tests.fakes import Keep, Replay
from tests.runtime.models import COLORS, card

CARDS = [card(name) for name in COLORS]
FULL = UnavailableError("disk: expected room to write, got none")


class Flaky:
    """A sink that fails now and then.

    Args:
        script: What each write does: `write`, `fail` or `stall`; then the first again.
    """

    name = "flaky"

    def __init__(self, script):
        self.outcomes, self._script, self._count = [], script, 0

    def write(self, sample, outcome):
        what = self._script[self._count % len(self._script)]
        self._count += 1
        if what == "fail":
            raise FULL
        time.sleep(0.002 if what == "stall" else 0)
        self.outcomes.append(outcome)

    def close(self):
        pass


def test_a_slow_sink_of_a_live_source_is_dropped_and_holds_nobody_up(colors):
    slow, fast = Keep(stalls_s=(0.2,), name="slow"), Keep(name="fast")
    source = Replay(CARDS * 20, live=True, stalls_s=(0.01,))
    report = Run(colors, source, sinks=[slow, fast], options=RunOptions(duration_s=10)).execute()
    told = {sink.name: sink for sink in report.sinks}
    assert told["fast"] == SinkReport("fast", report.accounts.results, 0, 0, 0)
    assert told["slow"].dropped > 20
    assert told["slow"].written + told["slow"].dropped == report.accounts.results
    assert report.accounts.results + report.accounts.dropped.get("replaced", 0) == 60
    assert report.duration_s < 4  # what waited was written, the rest not


def test_a_slow_sink_of_files_gets_every_result(colors):
    sink = Keep(stalls_s=(0.005,))
    report = Run(colors, Replay(CARDS * 20), sinks=[sink]).execute()
    assert [outcome.seq for outcome in sink.outcomes] == list(range(60))
    assert report.sinks == (SinkReport("keep", 60, 0, 0, 0),)


def test_a_failing_sink_of_a_live_source_is_counted_and_tried_again(colors):
    failing, other = Flaky(["write", "fail"]), Keep()
    source = Replay(CARDS * 4, live=True, stalls_s=(0.01,))
    report = Run(colors, source, sinks=[failing, other], options=RunOptions(duration_s=10)).execute()
    assert report.sinks[0].failed >= 3
    assert report.sinks[0].written >= 3
    assert report.failures[0] == "flaky: disk: expected room to write, got none"
    assert len(other.outcomes) == report.accounts.results


def test_a_failing_sink_of_files_ends_the_run_and_all_sinks_are_closed(colors):
    before, failing = Keep(), Keep(fails_at=2, failure=FULL, name="failing")
    run = Run(colors, Replay(CARDS * 100, stalls_s=(0.001,)), sinks=[before, failing])
    with pytest.raises(UnavailableError, match=r"^disk: expected room to write, got none$"):
        run.execute()
    report = run.report()
    assert (report.sinks[1].written, report.sinks[1].failed, report.sinks[1].waiting) == (2, 1, 0)
    assert (report.ended, before.closed, failing.closed) == ("failed", 1, 1)
    assert report.accounts.captured < 300


def test_a_reader_of_a_pipe_that_goes_away_ends_a_live_run_too(colors):
    gone = UnavailableError("standard output: expected a place to write, got Broken pipe")
    gone.__cause__ = BrokenPipeError()
    source = Replay(CARDS * 400, live=True, stalls_s=(0.005,), fps=0)
    with pytest.raises(UnavailableError, match=r"Broken pipe$"):
        Run(colors, source, sinks=[Keep(fails_at=1, failure=gone)]).execute()


def test_a_sink_that_cannot_be_finished_is_told(colors):
    class Unfinished(Flaky):
        def close(self):
            raise FULL

    with pytest.raises(UnavailableError, match=r"^disk: expected room"):
        Run(colors, Replay(CARDS), sinks=[Unfinished(["write"])]).execute()


@pytest.mark.parametrize("live", [True, False])
def test_a_sink_that_hangs_does_not_hold_the_end_of_a_run_up(colors, monkeypatch, live):
    monkeypatch.setattr("edge_sdk.runtime.outlet._HANGS_S", 0.1)
    never = threading.Event()

    class Hanging(Flaky):
        def write(self, sample, outcome):
            never.wait()

    hangs = "flaky: expected to be finished, got nothing for 0.1 s"
    run = Run(colors, Replay(CARDS, live=live, stalls_s=(0.02,)), sinks=[Hanging([])])
    with nullcontext() if live else pytest.raises(UnavailableError, match=f"^{hangs}$"):
        run.execute()
    never.set()
    report = run.report()
    assert report.sinks == (SinkReport("flaky", 0, report.accounts.results, 0, 0),)
    assert report.failures == (hangs,)


def test_events_go_to_the_sinks_that_want_them(colors):
    sink = Keep()
    source = Replay([*CARDS, UnavailableError("camera: gone")], live=True, stalls_s=(0.01,))
    with pytest.raises(UnavailableError, match="camera: gone"):
        Run(colors, source, sinks=[sink, Flaky(["write"])]).execute()
    assert [(event.source, event.before, event.after, event.cause) for event in sink.events] == [
        ("replay", "live", "dead", "camera: gone")
    ]


@settings(max_examples=60, deadline=None)
@given(script=st.lists(st.sampled_from(["write", "write", "stall", "fail"]), min_size=1), count=st.integers(0, 60))
def test_no_result_is_lost_unseen(colors_outcome, script, count):
    sink = Flaky(script)
    outlet = Outlet(sink, books=Books())
    outlet.start(lambda: pytest.fail("it does not want it"))
    for number in range(count):
        outlet.put(*colors_outcome, is_needed=False)
        report = outlet.report()
        assert report.written + report.dropped + report.failed + report.waiting == number + 1
        assert report.waiting <= 8
    outlet.tell(Event(0, "x", "live", "dead", "gone"))  # it does not want them
    outlet.close()
    report = outlet.report()
    assert (report.written, report.waiting) == (len(sink.outcomes), 0)
    assert report.written + report.dropped + report.failed == count
