"""All contenders of one model, loaded at once and measured in turns: what they compute, and how fast."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_sdk.errors import EdgeError
from edge_sdk.package import Accuracy
from edge_sdk.quantize.compare import drop_of
from scripts.benchmarks.case import Case
from scripts.benchmarks.contenders import Contender
from scripts.benchmarks.environments import peer_python, peer_variables
from scripts.benchmarks.figures import Figures, Loss, ModelFigures
from scripts.benchmarks.making import Made, request_for
from scripts.benchmarks.processes import Server

ROUNDS, RUNS = 9, 12
_ANSWER_LIMIT_S = 300.0
_FLOAT = Contender("float", "onnx", "onnx_session", "float")


def run(case: Case, made: Mapping[Contender, Made], folder: Path) -> ModelFigures:
    """Return the figures of a model."""
    everyone = {_FLOAT: Made(str(case.model.path), ""), **made}
    with ExitStack() as stack:
        servers: dict[Contender, Server] = {}
        results: dict[Contender, list[Any]] = {}
        failures: dict[Contender, str] = {}
        for one, outcome in everyone.items():
            if not outcome.file:
                failures[one] = outcome.note
                continue
            try:
                servers[one] = _serve(one, case, outcome, folder / one.key)
                stack.callback(servers[one].close)
                results[one] = _results(servers[one], case, folder / one.key / "outputs.npz")
            except (RuntimeError, ValueError, EdgeError) as exc:
                failures[one] = f"{one.server[0]}: {exc}"
        if _FLOAT in failures:
            raise RuntimeError(f"{case.model.name}: {failures[_FLOAT]}")
        times = _take_turns({one: server for one, server in servers.items() if one in results}, failures)
    return _figures(case, made, results, times, failures)


def _serve(contender: Contender, case: Case, made: Made, folder: Path) -> Server:
    module, environment = contender.server
    folder.mkdir(parents=True, exist_ok=True)
    request = folder / "serve.json"
    request_for(contender, case, folder, _ANSWER_LIMIT_S, made).write(request)
    python = peer_python(environment)
    command = [str(python), "-m", f"scripts.benchmarks.peers.{module}", "serve", str(request)]
    return Server(command, folder=folder, environment=peer_variables(python), limit_s=_ANSWER_LIMIT_S)


def _results(server: Server, case: Case, outputs: Path) -> list[Any]:
    server.ask(f"evaluate {outputs}")
    results = case.read_results(outputs)
    outputs.unlink()
    return results


def _take_turns(servers: Mapping[Contender, Server], failures: dict[Contender, str]) -> dict[Contender, float]:
    """Return the median times in ms; who breaks down on the way is among the failures, and has no time."""
    times: dict[Contender, list[float]] = {one: [] for one in servers}
    for _ in range(ROUNDS):
        for one in [one for one in servers if one not in failures]:
            try:
                times[one].append(servers[one].ask(f"time {RUNS}")["median_ms"])
            except RuntimeError as exc:
                failures[one] = f"{one.server[0]}: {exc}"
    return {one: statistics.median(values) for one, values in times.items() if one not in failures}


def _figures(
    case: Case,
    made: Mapping[Contender, Made],
    results: Mapping[Contender, list[Any]],
    times: Mapping[Contender, float],
    failures: Mapping[Contender, str],
) -> ModelFigures:
    reference = case.compare(results[_FLOAT], results[_FLOAT])
    ours = [one for one in made if one.kind == "edge-sdk" and one in results]
    float_bytes = case.model.path.stat().st_size
    rows = []
    for one, outcome in made.items():
        row = Figures(one.name, one.kind, failures.get(one, outcome.note), outcome.seconds, outcome.peak_bytes)
        if one in results:
            row = replace(
                row,
                size_ratio=_size_bytes(Path(outcome.file)) / float_bytes,
                loss=_loss(case.compare(results[_FLOAT], results[one])),
                behind_ours={own.name: _loss(case.compare(results[one], results[own])) for own in ours},
                latency_ratio=times[one] / times[_FLOAT] if one in times else None,
            )
        rows.append(row)
    return ModelFigures(
        case.model.name, reference.metric, reference.float_value, reference.samples, times[_FLOAT], rows
    )


def _loss(accuracy: Accuracy) -> Loss:
    low, high = accuracy.drop_low, accuracy.drop_high
    return Loss(drop_of(accuracy), None if low is None or high is None else (low, high), accuracy.agreement)


def _size_bytes(file: Path) -> int:
    """Return the size of a model, with the weights that some tools keep in a second file."""
    beside = (file.with_suffix(".bin"), file.with_name(f"{file.name}_data"))
    return sum(one.stat().st_size for one in (file, *beside) if one.is_file())
