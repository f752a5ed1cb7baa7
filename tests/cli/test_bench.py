from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from edge_sdk.cli import main
from tests.runtime.models import COLORS, card, write_clip, write_colors


@pytest.fixture
def bench(monkeypatch, capsys, tmp_path):
    """Run the command on the colour package; return its exit code, stdout and stderr."""
    package = write_colors(tmp_path / "colors-1.edge")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["edge-sdk", "bench", str(package), *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run


def test_it_shows_the_stages_beside_onnxruntime_alone(bench):
    code, out, err = bench("--frames", 20)
    assert (code, err) == (0, "")
    head, *rows = [line.split() for line in out.splitlines()]
    assert head == ["stage", "p50", "ms", "p95", "ms", "p99", "ms", "max", "ms"]
    assert [row[0] for row in rows[:6]] == ["preprocess", "infer", "decode", "own", "frame", "onnxruntime"]
    assert "20 of noise of 1280x720" in out
    assert "edge-sdk adds 0." in out


def test_json_is_the_record(bench, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", [card(name) for name in COLORS])
    code, out, _ = bench("--source", clip, "--frames", 5, "--json")
    report = json.loads(out)
    assert (code, report["source"], report["frames"]) == (0, str(clip), 5)
    assert report["bare"]["count"] == 5


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mp4", [card(name) for name in COLORS])


def test_a_sustained_measurement_says_first_whether_it_holds(bench, clip, tmp_path):
    into = tmp_path / "results.jsonl"
    code, out, err = bench("--source", clip, "--duration", 1.2, "--warm-up", 0.2, "--sink", f"jsonl:{into}")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("valid")
    assert lines[1].startswith(f"{clip}: ")
    assert "results/s over 1." in lines[1]
    told = {line.split("  ")[0] for line in lines}
    assert {"read", "wait", "preprocess", "infer", "decode", "own", "onnxruntime before", "onnxruntime after"} <= told
    assert f"delivered {(count := len(into.read_text().splitlines()))} = {count} results + 0 errors + 0 stale" in lines


def test_several_sources_are_measured_as_they_are_run(bench, clip, tmp_path):
    other = write_clip(tmp_path / "other.mp4", [card("blue")])
    words = ["--source", clip, "--source", other, "--policy", "newest", "--at-once", 1]
    code, out, _ = bench(*words, "--duration", 1, "--json")
    sources = json.loads(out)["run"]["sources"]
    assert code == 0
    assert [(one["name"], one["policy"]) for one in sources] == [(str(clip), "newest"), (str(other), "newest")]
    assert all(one["accounts"]["captured"] for one in sources)


def test_on_a_terminal_the_rate_is_shown_meanwhile(clip, tmp_path):
    package = write_colors(tmp_path / "colors-1.edge")
    ours, theirs = pty.openpty()
    words = ["bench", package, "--source", clip, "--duration", 2.5]
    call = [sys.executable, "-c", "from edge_sdk.cli import main; main()", *map(str, words)]
    process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while chunk := os.read(ours, 4096):
            shown += chunk
    os.close(ours)
    assert process.wait(timeout=30) == 0
    assert b"measuring" in shown
    assert b"results/s" in shown


def test_a_missed_bar_is_the_exit_code(bench, clip):
    code, out, err = bench("--source", clip, "--duration", 1, "--min-fps", 1e7, "--max-p99-ms", 1e-7, "--json")
    report = json.loads(out)
    assert (code, [bar["is_met"] for bar in report["bars"]]) == (6, [False, False])
    assert err.splitlines() == [
        f"error: min_fps: expected 1e+07, got {report['run']['results_per_s']:g}",
        f"error: max_p99_ms: expected 1e-07, got {report['run']['stages']['frame']['p99_ms']:g}",
    ]


def test_ctrl_c_tells_what_was_measured_until_then(clip, tmp_path):
    package, into = write_colors(tmp_path / "colors-1.edge"), tmp_path / "results.jsonl"
    words = ["bench", package, "--source", clip, "--duration", 600, "--sink", f"jsonl:{into}"]
    call = [sys.executable, "-c", "from edge_sdk.cli import main; main()", *map(str, words)]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end_s = time.monotonic() + 30
    while not (into.exists() and into.stat().st_size) and time.monotonic() < end_s:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")
    assert any(line.startswith("SHORTENED: interrupted after ") for line in out.splitlines()[:2])
    assert f"= {len(into.read_text().splitlines())} results + 0 errors" in out


@pytest.mark.parametrize(
    ("words", "got"),
    [
        (["--min-fps", 5], "expected --duration with it, got --min-fps"),
        (["--warm-up", 5, "--sink", "none"], "expected --duration with it, got --warm-up, --sink"),
        (["--source", "a.mp4", "--source", "b.mp4"], "expected --duration with it, got another --source"),
        (
            ["--duration", 5, "--frames", 5],
            "expected --source and no --frames with --duration, got --frames, no --source",
        ),
        (
            ["--duration", 5, "--source", "a.mp4", "--sink", "console"],
            "expected stdout for the report alone, got console",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(bench, words, got):
    assert bench(*words) == (3, "", f"error: bench: {got}\n")
