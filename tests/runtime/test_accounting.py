from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_sdk.errors import EdgeError, InputError
from edge_sdk.runtime import Pipeline, Run, RunOptions
from edge_sdk.runtime.accounting import Accounts, Ledger
from edge_sdk.session import host_config
from tests.fakes import Keep, Replay
from tests.runtime.models import card

READS = {"good": card("red"), "wrong": np.zeros((3, 3), np.uint8), "unreadable": InputError("unreadable")}
STALLS_S = st.lists(st.sampled_from([0.0, 0.0, 0.001, 0.004]), min_size=1, max_size=8)


@dataclass(frozen=True)
class Case:
    """A run with random stalls on both sides."""

    script: list
    options: RunOptions
    read_stalls_s: list
    write_stalls_s: list


CASES = st.builds(
    Case,
    script=st.lists(st.sampled_from(["good", "good", "good", "wrong", "unreadable"]), min_size=1, max_size=25),
    options=st.builds(
        RunOptions, policy=st.sampled_from(["newest", "every"]), max_frames=st.none() | st.integers(1, 12)
    ),
    read_stalls_s=STALLS_S,
    write_stalls_s=STALLS_S,
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


@settings(max_examples=40, deadline=None)
@given(case=CASES)
def test_no_sample_is_lost_under_random_stalls(colors_model, colors_manifest, case):
    source = Replay([READS[read] for read in case.script], stalls_s=case.read_stalls_s)
    sink = Keep(stalls_s=case.write_stalls_s)
    with Pipeline(colors_manifest, colors_model, config=host_config()) as pipeline:
        run = Run(pipeline, source, sinks=[sink], options=case.options)
        with Watch(run) as watch:
            try:
                run.execute()
            except InputError as exc:
                assert "expected at least one result" in str(exc)
    accounts = run.report().accounts
    seqs = [outcome.seq for outcome in sink.outcomes]
    assert seqs == sorted(set(seqs))
    assert (accounts.waiting, accounts.in_flight) == (0, 0)
    assert accounts.captured == source.reads
    assert accounts.results == len(seqs)
    assert accounts.errors <= case.script.count("wrong")
    assert accounts.dropped.get("unreadable", 0) == case.script[: source.reads].count("unreadable")
    assert all(seen.in_flight <= 1 and seen.waiting <= 5 for seen in watch.seen)
    if case.options.policy == "every" and case.options.max_frames is None:
        assert accounts.captured == len(case.script)
        assert accounts.dropped.keys() <= {"unreadable"}
        assert seqs == [seq for seq, read in enumerate(case.script) if read == "good"]


def test_a_watcher_sees_samples_wait(colors):
    run = Run(colors, Replay([card("red")] * 30), sinks=[Keep(stalls_s=(0.003,))])
    with Watch(run) as watch:
        run.execute()
    assert max(seen.waiting for seen in watch.seen) == 5
