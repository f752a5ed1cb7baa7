"""A run's figures for Prometheus: its text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).

- Counters only rise while a run lasts; times are in seconds, sizes in bytes, as Prometheus asks for.
- Each source has its own series, and the law of `accounting` holds over them: what was captured is the sum of what was
  delivered, dropped and still waits.

Pure: a report in, text out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import get_args

from edge_sdk.runtime.record import RunReport, SourceReport
from edge_sdk.runtime.supervision import State
from edge_sdk.runtime.thrift.board import BoardState
from edge_sdk.runtime.usage import Usage

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Series = tuple[Mapping[str, str], float]


def exposition(report: RunReport, used: Usage, board: BoardState) -> str:
    """Return the figures of a run.

    Args:
        report: What it has done until now.
        used: What its process uses.
        board: How its board fares.
    """
    families = (*_families(report, used), *_board_families(board))
    return "".join(line + "\n" for family in families for line in family)


def _families(report: RunReport, used: Usage) -> Iterator[Iterable[str]]:
    sources = report.sources
    captured = _each(sources, lambda one: one.accounts.captured)
    delivered = _each(sources, lambda one: one.accounts.delivered)
    waiting = _each(sources, lambda one: one.accounts.waiting)
    reopened = _each(sources, lambda one: one.reopened)
    yield _family("samples_captured_total", "counter", "What the sources captured.", captured)
    yield _family("samples_delivered_total", "counter", "What was given to the model.", delivered)
    yield _family("samples_dropped_total", "counter", "What never reached the model, by cause.", _dropped(sources))
    yield _family("samples_settled_total", "counter", "What became of the delivered.", _settled(sources))
    yield _family("samples_waiting", "gauge", "Captured, and neither delivered nor dropped yet.", waiting)
    yield _family("source_state", "gauge", "1 for the state that a source is in.", _states(sources))
    yield _family("source_reopened_total", "counter", "How often a source was opened anew.", reopened)
    yield _family("sink_results_total", "counter", "What became of the results given to a sink.", _sinks(report))
    yield _family("sink_samples_total", "counter", "What a sink that chooses made of its results.", _chosen(report))
    yield _summary(report)
    if (governor := report.governor) is not None:
        says = "The rung of the ladder that the run stands on; 0 is the highest."
        yield _family("governor_rung", "gauge", says, [({"rung": governor.rung}, float(governor.number))])
        yield _family("governor_steps_total", "counter", "How often another rung was taken.", [({}, governor.steps)])
    yield _family("model_info", "gauge", "The model that runs, by the SHA-256 of its bytes.", [_model(report)])
    yield _family("run_seconds", "gauge", "How long the run has gone on.", [({}, report.duration_s)])
    yield _family("process_resident_bytes", "gauge", "Resident memory.", [({}, float(used.resident_bytes))])
    yield _family("process_cpu_seconds_total", "counter", "Processor time of all threads.", [({}, used.cpu_s)])


def _board_families(board: BoardState) -> Iterator[Iterable[str]]:
    if board.temperature_c is not None:
        series = [({"zone": board.hottest}, board.temperature_c)]
        yield _family("board_temperature_celsius", "gauge", "Of the hottest processor.", series)
    yield _family("board_held_back", "gauge", "1 for what holds the board back now.", _held_back(board))
    yield _family(
        "board_guard_events_total", "counter", "How often a guard of supply or heat stepped in.", _guards(board)
    )
    if board.clock_share is not None:
        says = "The allowed clock as a share of the highest."
        yield _family("board_clock_share", "gauge", says, [({}, board.clock_share)])


def _held_back(board: BoardState) -> Iterator[Series]:
    return (({"by": limit}, 1.0) for limit in sorted(board.held_back))


def _guards(board: BoardState) -> Iterator[Series]:
    return (({"kind": kind}, float(count)) for kind, count in board.events.items())


def _each(sources: Iterable[SourceReport], value: Callable[[SourceReport], int]) -> Iterator[Series]:
    return (({"source": one.name}, value(one)) for one in sources)


def _dropped(sources: Iterable[SourceReport]) -> Iterator[Series]:
    for one in sources:
        for cause, count in one.accounts.dropped.items():
            yield {"source": one.name, "cause": cause}, count


def _settled(sources: Iterable[SourceReport]) -> Iterator[Series]:
    for one in sources:
        yield {"source": one.name, "fate": "results"}, one.accounts.results
        yield {"source": one.name, "fate": "errors"}, one.accounts.errors
        yield {"source": one.name, "fate": "stale"}, one.accounts.stale


def _states(sources: Iterable[SourceReport]) -> Iterator[Series]:
    for one in sources:
        for state in get_args(State):
            yield {"source": one.name, "state": state}, float(one.state == state)


def _sinks(report: RunReport) -> Iterator[Series]:
    for sink in report.sinks:
        yield {"sink": sink.name, "fate": "written"}, sink.written
        yield {"sink": sink.name, "fate": "dropped"}, sink.dropped
        yield {"sink": sink.name, "fate": "failed"}, sink.failed


def _chosen(report: RunReport) -> Iterator[Series]:
    for sink in report.sinks:
        for fate, count in sink.counts.items():
            yield {"sink": sink.name, "fate": fate}, count


def _model(report: RunReport) -> Series:
    return {"sha256": report.model}, 1.0


def _family(name: str, kind: str, says: str, series: Iterable[Series]) -> Iterator[str]:
    yield f"# HELP edge_sdk_{name} {says}"
    yield f"# TYPE edge_sdk_{name} {kind}"
    for labels, value in series:
        yield _line(f"edge_sdk_{name}", labels, value)


def _summary(report: RunReport) -> Iterator[str]:
    name = "edge_sdk_stage_seconds"
    yield f"# HELP {name} How long the stages of the last samples took; age is from capture to result."
    yield f"# TYPE {name} summary"
    for stage, figures in report.stages.items():
        for quantile, value_ms in (("0.5", figures.p50_ms), ("0.95", figures.p95_ms), ("0.99", figures.p99_ms)):
            yield _line(name, {"stage": stage, "quantile": quantile}, value_ms / 1e3)
        yield _line(f"{name}_count", {"stage": stage}, figures.count)


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{told}}} {value:.9g}" if told else f"{name} {value:.9g}"


def _escaped(text: str) -> str:
    readable = text.encode(errors="backslashreplace").decode()
    return readable.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
