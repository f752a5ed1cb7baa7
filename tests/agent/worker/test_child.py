"""The worker itself, as a real process, spoken to as the agent does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_sdk.agent.worker import messages
from edge_sdk.agent.worker.messages import Beat, Begin, Compared, Ended, Loaded, Refused, Shadow, Stop, Switch, Switched
from edge_sdk.files import sha256_hex
from tests.runtime.models import card, write_clip
from tests.runtime.swap import candidates


class Spoken:
    """A worker of its own process, its parent the test."""

    def __init__(self, begin, parent=None):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge_sdk.agent.worker", str(parent or os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.ask(begin)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def ask(self, request):
        self.process.stdin.write(messages.encode(request))
        self.process.stdin.flush()

    def hear(self, kind, *, that=lambda _: True):
        """Return the next report of a kind for which something holds."""
        for line in self.process.stdout:
            report = messages.decode_report(line)
            if isinstance(report, kind) and that(report):
                return report
        raise AssertionError(f"the worker ended before it said {kind.__name__}")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A clip of red pictures, as the address of a camera that never ends."""
    path = write_clip(tmp_path_factory.mktemp("clip") / "red.mp4", [card("red")] * 20, fps=20.0)
    return f"{path}?pace=real&repeat=1"


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packages")
    return {
        "good": candidates.write(folder / "good.edge", candidates.colors()),
        "same": candidates.write(folder / "same.edge", candidates.colors(11.0)),
        "wrong": candidates.write(folder / "wrong.edge", candidates.colors(-10.0)),
        "lying": candidates.write(folder / "lying.edge", candidates.colors(9.0), golden_of=candidates.colors()),
    }


def test_results_are_told_each_second_with_the_digest_of_what_is_loaded(packages, clip):
    with Spoken(Begin(str(packages["good"]), (clip,))) as worker:
        loaded = worker.hear(Loaded)
        assert loaded.model_sha256 == sha256_hex(candidates.colors())
        assert loaded.package_sha256 == sha256_hex(packages["good"].read_bytes())
        beat = worker.hear(Beat, that=lambda beat: beat.results)
        assert (beat.phase, beat.model_sha256, beat.errors) == ("running", loaded.model_sha256, 0)
        assert beat.latency_p50_ms > 0 and beat.resident_bytes > 10_000_000


def test_a_candidate_is_compared_without_taking_over_and_another_switches(packages, clip):
    with Spoken(Begin(str(packages["good"]), (clip,))) as worker:
        worker.hear(Beat, that=lambda beat: beat.results)
        worker.ask(Shadow(str(packages["same"]), 5, 20.0))
        assert worker.hear(Compared).agreement == 1
        worker.ask(Shadow(str(packages["wrong"]), 5, 20.0))
        assert worker.hear(Compared).agreement == 0
        assert worker.hear(Beat).model_sha256 == sha256_hex(candidates.colors())
        worker.ask(Switch(str(packages["same"])))
        assert worker.hear(Switched).model_sha256 == sha256_hex(candidates.colors(11.0))
        assert worker.hear(Beat, that=lambda beat: beat.results).model_sha256 == sha256_hex(candidates.colors(11.0))


def test_few_samples_are_compared_when_the_time_is_over(packages, clip):
    with Spoken(Begin(str(packages["good"]), (clip,), rate_hz=2.0)) as worker:
        worker.hear(Beat, that=lambda beat: beat.results)
        worker.ask(Shadow(str(packages["same"]), 500, 1.5))
        assert 0 < worker.hear(Compared).samples < 20


def test_a_candidate_that_is_not_what_it_says_is_refused_and_the_one_before_goes_on(packages, clip):
    with Spoken(Begin(str(packages["good"]), (clip,))) as worker:
        worker.hear(Beat, that=lambda beat: beat.results)
        worker.ask(Switch(str(packages["lying"])))
        assert "golden" in worker.hear(Refused).cause
        assert worker.hear(Beat, that=lambda beat: beat.results).model_sha256 == sha256_hex(candidates.colors())


def test_a_pause_lets_samples_pass_by(packages, clip):
    with Spoken(Begin(str(packages["good"]), (clip,), is_paused=True)) as worker:
        assert worker.hear(Beat, that=lambda beat: beat.phase == "paused").results == 0
        worker.ask(messages.Resume())
        worker.hear(Beat, that=lambda beat: beat.results)
        worker.ask(messages.Pause())
        worker.hear(Beat, that=lambda beat: beat.phase == "paused" and not beat.results)


def test_numbers_that_are_none_are_counted_apart(tmp_path, clip):
    package = candidates.write(tmp_path / "nan.edge", candidates.colors(float("nan")))
    with Spoken(Begin(str(package), (clip,))) as worker:
        beat = worker.hear(Beat, that=lambda beat: beat.nan)
        assert (beat.results, beat.errors) == (0, 0)
        ended = worker.hear(Ended)
        assert (ended.part, ended.cause) == ("model", "tiny: expected finite numbers in y, got NaN")


def test_a_source_that_is_not_there_is_awaited(packages):
    with Spoken(Begin(str(packages["good"]), ("http://127.0.0.1:9/x.mjpg",))) as worker:
        worker.hear(Beat, that=lambda beat: beat.phase == "waiting")
        worker.ask(Stop())
        assert worker.hear(Ended) == Ended("end", "stopped")
        assert worker.process.wait(10) == 0


@pytest.mark.parametrize(
    ("change", "part"), [({"package": "/nothing.edge"}, "model"), ({"sources": ("nothing:at-all",)}, "source")]
)
def test_whose_fault_the_end_was_is_told(packages, clip, change, part):
    begin = {"package": str(packages["good"]), "sources": (clip,), **change}
    with Spoken(Begin(**begin)) as worker:
        ended = worker.hear(Ended)
        assert ended.part == part and "expected" in ended.cause
        assert worker.process.wait(10) == 1


def test_it_ends_with_its_agent_when_its_input_does(packages, clip):
    with Spoken(Begin(str(packages["good"]), (clip,))) as worker:
        worker.hear(Loaded)
        worker.process.stdin.close()
        assert worker.hear(Ended).part == "end"
        assert worker.process.wait(20) == 0


def test_it_is_killed_with_its_agent_even_if_it_hangs(packages, clip):
    agent = "import subprocess, sys, os, time\n"
    agent += "child = subprocess.Popen([sys.executable, '-m', 'edge_sdk.agent.worker', str(os.getpid())], stdin=0)\n"
    agent += "print(child.pid, flush=True); time.sleep(60)"
    reading, writing = os.pipe()
    with subprocess.Popen([sys.executable, "-c", agent], stdin=reading, stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        os.write(writing, messages.encode(Begin(str(packages["good"]), (clip,))))
        messages.decode_report(parent.stdout.readline())
        os.kill(pid, signal.SIGSTOP)
        parent.kill()
    for _ in range(100):
        if not _is_running(pid):
            break
        time.sleep(0.1)
    os.close(reading), os.close(writing)
    assert not _is_running(pid)


def test_one_whose_agent_is_gone_before_it_looked_does_not_begin(packages, clip):
    with Spoken(Begin(str(packages["good"]), (clip,)), parent=1 if os.getpid() != 1 else 2) as worker:
        assert worker.hear(Ended).cause.startswith("worker: expected the agent")


def _is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
