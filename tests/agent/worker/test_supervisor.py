"""The agent's side, with real workers that really die."""

from __future__ import annotations

import os
import queue
import signal
import sys
from contextlib import contextmanager

import pytest

from edge_sdk.agent.worker import supervisor
from edge_sdk.agent.worker.messages import Beat, Begin, Loaded
from edge_sdk.agent.worker.supervisor import Blamed, Failed, Supervisor
from edge_sdk.agent.worker.vigil import Patience
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.files import sha256_hex
from tests.runtime.models import card, write_clip
from tests.runtime.swap import candidates

HASTY = Patience(silence_s=5.0, first_retry_s=0.2, least_retry_s=0.1, longest_retry_s=0.3)
WAIT_S = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("worker")
    write_clip(folder / "red.mp4", [card("red"), card("green")] * 50, fps=100.0)
    candidates.write(folder / "good.edge", candidates.colors())
    candidates.write(folder / "same.edge", candidates.colors(11.0))
    candidates.write(folder / "nan.edge", candidates.colors(float("nan")))
    return folder


@contextmanager
def supervised(folder, *, patience=HASTY, command=None, package="good.edge"):
    """Run a package in a worker; yield the supervisor, and what gives the next event of a kind."""
    told = queue.SimpleQueue()
    begin = Begin("", (f"{folder}/red.mp4?pace=real&repeat=1",))

    def hear(kind, *, that=lambda _: True):
        while True:
            event = told.get(timeout=WAIT_S)
            if isinstance(event, kind) and that(event):
                return event

    with Supervisor(begin, tell=told.put, patience=patience, command=command) as worker:
        if package:
            worker.switch(folder / package)
        yield worker, hear


@pytest.mark.parametrize(
    ("signal_number", "cause"),
    [
        (signal.SIGKILL, "killed by SIGKILL (out of memory, unless somebody did it)"),
        (signal.SIGSEGV, "killed by SIGSEGV: Fatal Python error: Segmentation fault"),
        (signal.SIGSTOP, "hang: no word for 5 s"),
    ],
)
def test_one_that_dies_or_hangs_is_told_with_its_cause_and_started_again(folder, signal_number, cause):
    with supervised(folder) as (worker, hear):
        hear(Beat, that=lambda beat: beat.results)
        before = worker.pid
        os.kill(before, signal_number)
        failed = hear(Failed)
        assert (failed.part, failed.cause) == ("model", cause)
        hear(Beat, that=lambda beat: beat.results)
        assert worker.pid not in {0, before}


def test_a_package_takes_over_hot_and_cold_and_after_a_restart(folder):
    with supervised(folder) as (worker, hear):
        first = worker.pid
        hear(Beat, that=lambda beat: beat.results)
        assert worker.switch(folder / "same.edge").model_sha256 == sha256_hex(candidates.colors(11.0))
        assert worker.pid == first
        assert worker.loaded.model_sha256 == sha256_hex(candidates.colors(11.0))
        os.kill(first, signal.SIGKILL)
        assert hear(Loaded).model_sha256 == sha256_hex(candidates.colors(11.0))
        assert worker.switch(folder / "good.edge").model_sha256 == sha256_hex(candidates.colors())


def test_a_model_that_makes_it_fail_again_and_again_is_blamed(folder):
    with supervised(folder, package="nan.edge") as (worker, hear):
        assert hear(Blamed).cause == "tiny: expected finite numbers in y, got NaN"
        assert worker.switch(folder / "good.edge").model_sha256 == sha256_hex(candidates.colors())


def test_a_package_that_is_none_is_an_error_and_the_one_before_can_come_back(folder):
    with supervised(folder) as (worker, hear):
        hear(Beat, that=lambda beat: beat.results)
        with pytest.raises(InputError, match=r"missing\.edge: expected a package file, got nothing there"):
            worker.switch(folder / "missing.edge")
        worker.switch(folder / "good.edge")
        hear(Beat, that=lambda beat: beat.results)


def test_a_comparison_needs_a_worker_that_runs_and_survives(folder):
    stopped = pytest.raises(UnavailableError, match="worker: expected one that runs, got one that is stopped")
    with supervised(folder, package="") as (worker, _), stopped:
        worker.compare(folder / "same.edge", samples=5, within_s=5)
    with supervised(folder) as (worker, hear):
        hear(Beat, that=lambda beat: beat.results)
        assert worker.compare(folder / "same.edge", samples=5, within_s=60).agreement == 1
        with pytest.raises(InputError, match="tiny: expected the golden outputs at 30 dB or better, got -200"):
            worker.compare(folder / "nan.edge", samples=5, within_s=60)


def test_memory_beyond_its_bound_ends_it(folder):
    tight = Patience(max_memory_bytes=1_000_000, least_retry_s=30.0)
    with supervised(folder, patience=tight) as (_, hear):
        assert hear(Failed).cause.startswith("out of memory: expected at most 1 MB, got ")


def test_its_last_words_outlive_it(folder):
    dying = (sys.executable, "-c", "import sys; print('no such camera', file=sys.stderr); sys.exit(7)")
    with supervised(folder, command=dying, package="") as (worker, hear):
        with pytest.raises(InputError, match="exit code 7: no such camera"):
            worker.switch(folder / "good.edge")
        hear(Blamed)
        assert worker.words() == ("no such camera",)


def test_a_stop_leaves_nothing_behind(folder):
    with supervised(folder) as (worker, hear):
        hear(Loaded)
        pid = worker.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert worker.state == "stopped"


def test_the_agent_s_side_loads_nothing_of_a_model():
    program = f"import sys, {supervisor.__name__}; print({{'numpy', 'cv2', 'onnxruntime'}} & set(sys.modules))"
    with os.popen(f'{sys.executable} -c "{program}"') as answer:
        assert answer.read() == "set()\n"
