from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scripts.benchmarks.environments import peer_variables
from scripts.benchmarks.peers.exchange import Judge, Request, count_feeds, read_feeds, read_request
from scripts.benchmarks.processes import Server, peer_message, run_measured

STUB = [sys.executable, "-m", "tests.benchmarks.stub_peer"]


@pytest.fixture
def request_file(tmp_path):
    samples = {f"{i:06d}:x": np.full((1, 3), i, np.float32) for i in range(4)}
    np.savez(tmp_path / "samples.npz", **samples, labels=np.array([2, 0, 0, 0]))
    (tmp_path / "model.onnx").write_bytes(b"weights")
    place = str(tmp_path / "samples.npz")
    asked = Request(
        method="copy", model=str(tmp_path / "model.onnx"), file="", folder=str(tmp_path), calibration=place,
        evaluation=place, task={"kind": "classification"}, input_wh=None, max_drop_points=0.3, threads=1, limit_s=30.0,
    )  # fmt: skip
    return lambda method: _written(replace(asked, method=method), tmp_path / "request.json")


def _written(request: Request, path: Path) -> Path:
    request.write(path)
    return path


def _quantize(path, limit_s=30.0):
    environment = peer_variables(Path(sys.executable))
    return run_measured([*STUB, "quantize", str(path)], folder=path.parent, environment=environment, limit_s=limit_s)


def test_a_peer_answers_with_its_file_and_is_measured(request_file, tmp_path):
    outcome = _quantize(request_file("copy"))
    answer = json.loads((tmp_path / "answer.json").read_text())
    assert outcome.exit_code == 0
    assert Path(answer["file"]).read_bytes() == b"weights"
    assert answer["note"] == "copied"
    assert 0 < outcome.seconds < 30
    assert outcome.peak_bytes > 10_000_000


def test_a_peer_that_crashes_is_told_in_its_own_words(request_file):
    outcome = _quantize(request_file("crash"))
    assert outcome.exit_code == 1
    assert peer_message(outcome, 30) == "ValueError: no kernel for this node"


def test_a_peer_that_takes_too_long_is_ended(request_file):
    outcome = _quantize(request_file("sleep"), limit_s=1.0)
    assert outcome.exit_code is None
    assert outcome.seconds < 10
    assert peer_message(outcome, 1.0) == "timed out after 1 s"


def test_a_peer_that_ends_without_a_word_is_told_so(request_file, tmp_path):
    outcome = _quantize(request_file("silent"))
    assert not (tmp_path / "answer.json").exists()
    assert peer_message(outcome, 30) == "ended with code 0 and no word"


def test_a_server_evaluates_and_takes_times(request_file, tmp_path):
    command = [*STUB, "serve", str(request_file("copy"))]
    server = Server(command, folder=tmp_path, environment=peer_variables(Path(sys.executable)), limit_s=30)
    try:
        assert server.ask(f"evaluate {tmp_path}/out.npz") == {"samples": 4}
        assert server.ask("time 3")["median_ms"] > 0
        assert "expected evaluate or time" in server.ask("dance")["error"]
    finally:
        server.close()
    outputs = list(read_feeds(tmp_path / "out.npz"))
    assert [one["0"][0, 0] for one in outputs] == [0, 2, 4, 6]


def test_a_server_that_cannot_open_its_file_is_told_in_its_own_words(request_file, tmp_path):
    (tmp_path / "samples.npz").unlink()
    with pytest.raises(RuntimeError, match="FileNotFoundError"):
        Server(
            [*STUB, "serve", str(request_file("copy"))],
            folder=tmp_path, environment=peer_variables(Path(sys.executable)), limit_s=30,
        )  # fmt: skip


def test_samples_and_labels_come_back_in_order(request_file):
    request = read_request(request_file("copy"))
    assert count_feeds(request.evaluation) == 4
    assert [feed["x"][0, 0] for feed in read_feeds(request.evaluation)] == [0, 1, 2, 3]
    judge = Judge(request)
    results = [judge.decode([values]) for values in np.eye(3, dtype=np.float32)[[2, 0, 1, 0], np.newaxis]]
    assert judge.score(results) == 0.75
    assert judge.agreement(results, results[:3] + results[:1]) == 0.75
