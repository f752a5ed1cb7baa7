from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_sdk.errors import EdgeError, InputError
from edge_sdk.runtime import Pipeline, Run, RunOptions
from edge_sdk.runtime.accounting import Accounts, Ledger, total
from edge_sdk.session import host_config
from tests.fakes import LOST, Keep, Replay, Slow
from tests.runtime.models import card

READS = {"good": card("red"), "wrong": np.zeros((3, 3), np.uint8), "unreadable": InputError("unreadable"), "lost": LOST}
STALLS_S = st.lists(st.sampled_from([0.0, 0.0, 0.001, 0.004]), min_size=1, max_size=8)


@dataclass(frozen=True)
class Case:
    """A run with random stalls on both sides, perhaps stopped in its midst."""

    scripts: list
    options: RunOptions
    read_stalls_s: list
    write_stalls_s: list
    stop_after_s: float | None


READ = st.sampled_from(["good", "good", "good", "wrong", "unreadable", "lost"])
CASES = st.builds(
    Case,
    scripts=st.lists(st.lists(READ, min_size=1, max_size=25), min_size=1, max_size=3),
    options=st.builds(
        RunOptions, policy=st.sampled_from(["newest", "every"]), max_frames=st.none() | st.integers(1, 12)
    ),
    read_stalls_s=STALLS_S,
    write_stalls_s=STALLS_S,
    stop_after_s=st.none() | st.sampled_from([0.0, 0.005, 0.02]),
)


class Watch:
    """Reads a run's accounts all the time, from another thread."""

    def __init__(self, run):
        self.seen, self._run, self._over = [], run, threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _watch(self):
        while not self._over.wait(0.0005):
            self.seen.append(self._run.report().accounts)


def test_a_sample_counted_twice_is_a_bug():
    with pytest.raises(EdgeError, match=r"^accounts: expected no sample counted twice, got Accounts\(captured=1, del"):
        Accounts(captured=1, delivered=2)


def test_a_ledger_knows_what_waits_and_what_is_in_flight():
    ledger = Ledger()
    for _ in range(3):
        ledger.capture()
    ledger.drop("replaced")
    ledger.deliver()
    assert (ledger.accounts.waiting, ledger.accounts.in_flight) == (1, 1)
    ledger.settle("stale")
    assert ledger.accounts == Accounts(captured=3, delivered=1, stale=1, dropped={"replaced": 1})


def test_the_accounts_of_sources_add_up():
    one = Accounts(captured=3, delivered=2, results=1, errors=1, dropped={"lost": 1})
    other = Accounts(captured=4, delivered=1, stale=1, dropped={"lost": 2, "replaced": 1})
    assert total([one, other]) == Accounts(7, 3, 1, 1, 1, {"lost": 3, "replaced": 1})


@settings(max_examples=40, deadline=None)
@given(case=CASES)
def test_no_sample_is_lost_under_random_stalls(colors_model, colors_manifest, case):
    sources = [
        Replay([READS[read] for read in script], stalls_s=case.read_stalls_s, name=str(number))
        for number, script in enumerate(case.scripts)
    ]
    sink = Keep(stalls_s=case.write_stalls_s)
    with Pipeline(colors_manifest, colors_model, config=host_config()) as pipeline:
        run = Run(pipeline, sources, sinks=[sink], options=case.options)
        with Watch(run) as watch:
            if case.stop_after_s is not None:
                threading.Timer(case.stop_after_s, run.stop).start()
            try:
                run.execute()
            except InputError as exc:
                assert "expected at least one result" in str(exc)
    report = run.report()
    assert (report.accounts.waiting, report.accounts.in_flight) == (0, 0)
    assert report.accounts.results == len(sink.outcomes) + report.sinks[0].dropped
    assert report.sinks[0].written == len(sink.outcomes)
    in_hand = case.options.at_once + 2  # one each of the workers, one that is handed over, one that sinks are given
    assert all(seen.in_flight <= in_hand and seen.waiting <= 5 * len(sources) for seen in watch.seen)
    for script, source, told in zip(case.scripts, sources, report.sources, strict=True):
        seqs = [outcome.seq for outcome in sink.outcomes if outcome.source == source.name]
        assert seqs == sorted(set(seqs))
        if case.options.policy == "every":
            assert told.accounts.results == len(seqs)
        assert_accounts_are_those_of(script, source, told.accounts)
        if case.options.policy == "every" and (case.options.max_frames, case.stop_after_s) == (None, None):
            assert told.accounts.dropped.keys() <= {"unreadable", "lost"}
            assert seqs == [seq for seq, read in enumerate(script) if read == "good"]


def assert_accounts_are_those_of(script, source, accounts):
    """Losses can be seen only between two samples that were read."""
    read = script[: source.reads]
    seen = [number for number, what in enumerate(read) if what in {"good", "wrong"}]
    lost = read[seen[0] : seen[-1]].count("lost") if seen else 0
    assert accounts.dropped.get("unreadable", 0) == read.count("unreadable")
    assert accounts.dropped.get("lost", 0) == lost
    assert accounts.captured == len(read) - read.count("lost") + lost
    assert accounts.errors <= read.count("wrong")


def test_a_watcher_sees_samples_wait(colors):
    run = Run(Slow(colors, 0.003), Replay([card("red")] * 30))
    with Watch(run) as watch:
        run.execute()
    assert max(seen.waiting for seen in watch.seen) == 5
