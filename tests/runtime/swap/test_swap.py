"""A model takes over under a camera of 30 pictures a second, or does not, and no sample is lost either way."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from edge_sdk.errors import UnavailableError
from edge_sdk.package import open_package
from edge_sdk.runtime import Pipeline, Run, RunOptions
from edge_sdk.runtime.swap import SwapOptions
from edge_sdk.runtime.swap.perform import Swap
from edge_sdk.session import host_config
from edge_sdk.tasks import TaskSpec
from tests.fakes import Keep, Replay
from tests.runtime.models import COLORS, card, describe_colors, write_moving
from tests.runtime.swap import candidates

CARDS = [card(name) for name in COLORS]
QUICK = SwapOptions(shadow_samples=5, watch_s=0.3, max_latency_ratio=50.0)


class Camera(Replay):
    """Thirty pictures a second; the colours that it sees can be changed."""

    def __init__(self, names=COLORS):
        super().__init__(self, live=True, stalls_s=(1 / 30,))
        self.names = names

    def __len__(self):
        return 10_000

    def __getitem__(self, number):
        return card(self.names[number % len(self.names)])


@pytest.fixture
def first(tmp_path):
    return candidates.write(tmp_path / "colors-1.edge", candidates.colors())


@pytest.fixture
def second(tmp_path):
    return candidates.write(tmp_path / "colors-2.edge", candidates.colors(11.0), version=2)


@contextmanager
def running(path, camera=None, *, policy="every"):
    """Run a package on the camera meanwhile; yields the run, and the sink that keeps its outcomes.

    Policy `every`, since a busy machine may be late for a newer picture whatever the model does.
    """
    sink = Keep()
    with Pipeline.open(open_package(path)) as pipeline:
        run = Run(pipeline, camera or Camera(), sinks=[sink], options=RunOptions(policy=policy))
        thread = threading.Thread(target=run.execute)
        thread.start()
        try:
            _until(lambda: len(sink.outcomes) > 5)
            yield run, sink
        finally:
            run.stop()
            thread.join()


def _until(is_so):
    end_s = time.monotonic() + 20
    while not is_so() and time.monotonic() < end_s:
        time.sleep(0.01)
    assert is_so()


def digest(path):
    return open_package(path).manifest.variants["fp32"].model.sha256


def test_a_model_takes_over_between_two_samples_and_none_is_lost(first, second):
    with running(first) as (run, sink):
        report = run.swap(second, QUICK).wait(20)
        seen = len(sink.outcomes)
        _until(lambda: len(sink.outcomes) > seen + 5)
    models = [outcome.model for outcome in sink.outcomes]
    assert (report.state, report.before, report.after) == ("done", digest(first), digest(second))
    assert (report.compared, report.agreement, report.gap_ms) == (5, 1.0, 0.0)
    assert models == sorted(models, key=[digest(first), digest(second)].index)
    assert set(models) == {digest(first), digest(second)}
    assert [outcome.seq for outcome in sink.outcomes] == list(range(len(sink.outcomes)))
    accounts = run.report().accounts
    assert accounts.results == accounts.delivered == accounts.captured - accounts.dropped.get("stopped", 0)
    assert run.report().swaps == (report,)
    assert [event.after for event in run.report().events if event.source == "model"] == [
        *("loading", "warming", "shadowing", "switching", "watching", "done")
    ]


def test_a_model_takes_over_many_times(first, second):
    once = SwapOptions(shadow_samples=0, watch_s=0)
    with running(first) as (run, sink):
        states = [run.swap(path, once).wait(20).state for path in [second, first] * 10]
    assert states == ["done"] * 20
    assert run.report().accounts.dropped.keys() <= {"stopped"}
    assert [outcome.seq for outcome in sink.outcomes] == list(range(len(sink.outcomes)))
    opened = [link.resolve() for link in Path("/proc/self/fd").iterdir() if link.exists()]
    assert opened.count(first) + opened.count(second) <= 4


def test_files_are_read_to_their_end_whatever_takes_over(first, second):
    sink = Keep()
    with Pipeline.open(open_package(first)) as pipeline:
        run = Run(pipeline, Replay(CARDS * 100, stalls_s=(0.002,)), sinks=[sink])
        swap = run.swap(second, SwapOptions(shadow_samples=3, watch_s=0, max_latency_ratio=50))
        report = run.execute()
    assert (report.accounts.results, report.accounts.captured) == (300, 300)
    assert swap.report().state == "done"
    assert [outcome.value.classes[0] for outcome in sink.outcomes] == [0, 1, 2] * 100


def moved(path):
    return write_moving(path)


def corrupt(path):
    data = bytearray(candidates.write(path, candidates.colors(11.0)).read_bytes())
    data[2000] ^= 1
    path.write_bytes(data)
    return path


REFUSED = {
    "corrupt": (corrupt, "2.edge: "),
    "missing": (lambda path: path, "2.edge: expected a package file, got nothing there"),
    "other task": (moved, "2.edge: expected a model for classification, got detection"),
    "other labels": (
        lambda path: candidates.write(path, candidates.colors(11.0), labels=("a", "b", "c")),
        "2.edge: expected the labels of the model in use, got others; hint: ",
    ),
    "other outputs than were measured": (
        lambda path: candidates.write(path, candidates.colors(11.0), golden_of=candidates.colors(20.0)),
        "tiny: expected the golden outputs at 30 dB or better, got ",
    ),
    "other answers": (
        lambda path: candidates.write(path, candidates.colors(-10.0)),
        "expected an agreement of 0.8 or more, got 0.00",
    ),
    "not a number": (
        lambda path: candidates.write(path, candidates.no_number_for_blue()),
        "tiny: expected finite numbers in y, got NaN",
    ),
}


@pytest.mark.parametrize(("make", "cause"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_prove_itself_never_gives_a_result(tmp_path, first, make, cause):
    path = make(tmp_path / "2.edge")
    with running(first) as (run, sink):
        report = run.swap(path, QUICK).wait(20)
    assert report.state == "refused"
    assert cause in report.cause
    assert {outcome.model for outcome in sink.outcomes} == {digest(first)}
    assert run.report().accounts.dropped.keys() <= {"stopped"}


def test_a_model_that_is_too_slow_is_refused(tmp_path, first):
    path = candidates.write(tmp_path / "slow.edge", candidates.slow())
    with running(first) as (run, sink):
        report = run.swap(path, SwapOptions(shadow_samples=5, max_latency_ratio=3.0)).wait(20)
    assert report.state == "refused"
    assert report.cause.startswith("expected at most 3 times the latency of the model before, got ")
    assert report.latency_ratio > 3
    assert {outcome.model for outcome in sink.outcomes} == {digest(first)}


def test_a_model_that_takes_too_much_memory_is_refused(first, second):
    with running(first) as (run, _):
        report = run.swap(second, replace(QUICK, max_memory_bytes=1)).wait(20)
    assert (report.state, report.cause[:35]) == ("refused", "expected at most 0 MB of memory, go")


def test_a_model_is_refused_if_there_is_nothing_to_compare_on(first, second):
    with Pipeline.open(open_package(first)) as pipeline:
        source = Replay([*CARDS, threading.Event()], live=True)
        run = Run(pipeline, source)
        thread = threading.Thread(target=run.execute)
        thread.start()
        report = run.swap(second, SwapOptions(shadow_samples=10, shadow_within_s=0.3)).wait(20)
        source._script[3].set()
        thread.join()
    assert report.state == "refused"
    assert report.cause.startswith("expected 10 samples to compare in 0.3 s, got ")


def test_a_model_that_fails_later_gives_way_to_the_one_before(tmp_path, first):
    path = candidates.write(tmp_path / "blue.edge", candidates.no_number_for_blue())
    camera = Camera(names=("red", "green"))
    with running(first, camera) as (run, sink):
        swap = run.swap(path, SwapOptions(shadow_samples=5, watch_s=20, max_latency_ratio=50))
        _until(lambda: digest(path) in {outcome.model for outcome in sink.outcomes})
        camera.names = ("blue",)
        report = swap.wait(20)
        seen = len(sink.outcomes)
        _until(lambda: len(sink.outcomes) > seen + 5)
    assert report.state == "rolled back"
    assert report.cause.startswith("expected results, got ")
    assert sink.outcomes[-1].model == digest(first)
    accounts = run.report().accounts
    assert 3 <= accounts.errors < 15
    assert accounts.delivered == accounts.results + accounts.errors
    assert accounts.dropped.keys() <= {"stopped"}


def test_a_model_that_is_slow_later_gives_way_to_the_one_before(tmp_path, first):
    path = candidates.write(tmp_path / "slow.edge", candidates.slow())
    with running(first) as (run, sink):
        report = run.swap(path, SwapOptions(shadow_samples=0, watch_s=20, max_latency_ratio=3.0)).wait(20)
        seen = len(sink.outcomes)
        _until(lambda: len(sink.outcomes) > seen + 5)
    assert report.state == "rolled back"
    assert "times the latency of the model before" in report.cause
    assert sink.outcomes[-1].model == digest(first)


def swap_in(run, path, options, available):
    """Begin a swap with told figures of what memory there is."""
    figures = iter(available)
    return Swap(run._active, path, options, books=run._books, fail=run._fail, available=lambda: next(figures))


def test_two_models_that_do_not_fit_are_refused_with_both_figures(first, second):
    with running(first) as (run, sink):
        report = swap_in(run, second, QUICK, [1 << 20]).wait(20)
    assert report.state == "refused"
    assert report.cause == (
        "two models do not fit: expected 34 MB free, got 1 MB; hint: allow a gap, and the model in use is closed first"
    )
    assert {outcome.model for outcome in sink.outcomes} == {digest(first)}


GAP = SwapOptions(allow_gap=True, watch_s=0.2, max_latency_ratio=50)


def test_a_gap_is_allowed_and_what_is_lost_in_it_is_counted(tmp_path, first):
    path = candidates.write(tmp_path / "2.edge", candidates.colors(11.0))
    with running(first, policy="newest") as (run, sink):
        report = swap_in(run, path, GAP, _slowly([1 << 20, 1 << 30], 0.3)).wait(20)
        seen = len(sink.outcomes)
        _until(lambda: len(sink.outcomes) > seen + 5)
    assert report.state == "done"
    assert report.gap_ms > 300
    accounts = run.report().accounts
    assert accounts.dropped["swapping"] >= 2
    assert accounts.captured == accounts.results + sum(accounts.dropped.values())
    assert sink.outcomes[-1].model == digest(path)


def _slowly(figures, delay_s):
    """Give the second figure, which is asked for in the gap, late: some samples of the camera."""
    yield figures[0]
    time.sleep(delay_s)
    yield figures[1]


def test_files_wait_for_a_gap_to_end(first, second):
    sink = Keep()
    with Pipeline.open(open_package(first)) as pipeline:
        run = Run(pipeline, Replay(CARDS * 100, stalls_s=(0.002,)), sinks=[sink])
        thread = threading.Thread(target=run.execute)
        thread.start()
        report = swap_in(run, second, GAP, _slowly([1, 1 << 30], 0.05)).wait(20)
        thread.join()
    assert report.state == "done"
    assert run.report().accounts.results == 300
    assert run.report().accounts.dropped == {}


@pytest.mark.parametrize("cause", ["golden", "memory"])
def test_the_model_before_is_opened_again_when_the_other_one_fails_in_a_gap(tmp_path, first, cause):
    golden_of = candidates.colors(20.0) if cause == "golden" else None
    path = candidates.write(tmp_path / "2.edge", candidates.colors(11.0), golden_of=golden_of)
    kept = shutil.copy(first, tmp_path / "kept.edge")
    figures = [1, 1 << 30] if cause == "golden" else [1, 2]
    with running(kept) as (run, sink):
        kept.unlink()  # what is open stays open
        report = swap_in(run, path, GAP, figures).wait(20)
        seen = len(sink.outcomes)
        _until(lambda: len(sink.outcomes) > seen + 5)
    assert report.state == "refused"
    assert ("golden outputs" if cause == "golden" else "it does not fit alone") in report.cause
    assert report.gap_ms > 0
    assert {outcome.model for outcome in sink.outcomes} == {digest(first)}


def test_a_model_that_could_not_be_opened_again_is_not_closed_for_another_one(second):
    model, sink = candidates.colors(), Keep()
    with Pipeline(describe_colors(model), model, config=host_config()) as pipeline:
        run = Run(pipeline, Replay(CARDS * 50, stalls_s=(0.005,)), sinks=[sink])
        swap = swap_in(run, second, GAP, [1])
        report = run.execute()
    assert swap.report().state == "refused"
    assert swap.report().cause.startswith("model in use: expected one of a package, which can be opened again")
    assert (report.accounts.results, swap.report().gap_ms) == (150, 0.0)


def test_a_run_whose_model_cannot_be_opened_again_fails(tmp_path, first):
    path = candidates.write(tmp_path / "2.edge", candidates.colors(11.0), golden_of=candidates.colors(20.0))
    with Pipeline.open(open_package(first)) as pipeline:
        run = Run(pipeline, Camera())
        first.write_bytes(b"overwritten in place")
        swap = swap_in(run, path, GAP, [1, 1 << 30])
        with pytest.raises(Exception, match="as it was when the package was opened"):
            run.execute()
    assert swap.report().state == "refused"
    assert run.report().ended == "failed"


def test_one_swap_goes_on_at_a_time_and_none_after_the_run(first, second):
    with running(first) as (run, _):
        swap = run.swap(second, SwapOptions(shadow_samples=1000))
        with pytest.raises(UnavailableError, match="got another one under way"):
            run.swap(second)
    assert (swap.report().state, swap.report().cause) == ("refused", "the run has ended first")
    assert not swap.is_under_way
    with pytest.raises(UnavailableError, match="got a run that is over"):
        run.swap(second)


def test_a_model_that_is_watched_when_the_run_ends_has_taken_over(first, second):
    with running(first) as (run, sink):
        swap = run.swap(second, SwapOptions(shadow_samples=0, watch_s=100))
        _until(lambda: sink.outcomes[-1].model == digest(second))
    assert (swap.report().state, swap.report().cause) == ("done", "the run has ended first")


def test_a_shadow_changes_no_result(tmp_path, first):
    path = candidates.write(tmp_path / "2.edge", candidates.colors(-10.0))
    with running(first) as (run, sink):
        run.swap(path, QUICK).wait(20)
    assert [outcome.value.classes[0] for outcome in sink.outcomes] == [outcome.seq % 3 for outcome in sink.outcomes]


def test_a_task_with_other_settings_is_the_same_task(tmp_path, first):
    path = candidates.write(tmp_path / "2.edge", candidates.colors(11.0), task=TaskSpec("classification", top_k=2))
    with running(first) as (run, sink):
        assert run.swap(path, QUICK).wait(20).state == "done"
    assert len(sink.outcomes[-1].value.classes) == 2
