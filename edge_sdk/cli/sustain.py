"""What a sustained measurement tells people: first whether it holds, then the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from edge_sdk.cli.run import ENDED, account_lines, stage_lines
from edge_sdk.errors import GateError

if TYPE_CHECKING:
    from edge_sdk.runtime.metrics import Figures
    from edge_sdk.runtime.sustain.record import Course, Look, Stretch, SustainReport

_NOTABLE_PERCENT = 3.0
"""Slowness below this is noise of a machine that does nothing else."""
_UNKNOWN = "valid as far as is known: nothing here tells whether the machine was held back"


def sustain_lines(report: SustainReport) -> Iterator[str]:
    """Yield the report for people."""
    run = report.run
    for one in report.disturbances:
        yield f"INVALID: {one.kind}: {one.evidence}; {one.cure}"
    if report.shortened:
        yield f"SHORTENED: {ENDED[run.ended]} after {run.duration_s:.1f} s of {report.asked_s:g}"
    if not report.disturbances:
        yield f"valid: the machine was not held back, by its {_and(report.told_by)}" if report.told_by else _UNKNOWN
    names = ", ".join(source.name for source in run.sources)
    yield f"{names}: {run.results_per_s} results/s over {run.duration_s:.1f} s on {', '.join(report.providers)}"
    yield from account_lines(run.accounts)
    yield from stage_lines([*run.stages.items(), *_bare(report)])
    yield ""
    yield f"first {_stretch(report.first)}; last {_stretch(report.last)}"
    yield _slowness(report)
    outside = "not told" if report.outside_cores is None else f"{report.outside_cores:.2f}"
    yield f"processors kept busy: {report.cpu_cores:.2f} by this process, {outside} by others"
    start, end, peak = report.start_memory_bytes, report.end_memory_bytes, report.peak_memory_bytes
    yield f"memory {start / 1e6:.0f} MB at the start, {end / 1e6:.0f} MB at the end, {peak / 1e6:.0f} MB at most"
    yield f"temperature {_course(report.temperature_c, lambda celsius: f'{celsius:.1f} °C')}"
    yield f"clock {_course(report.clock_hz, lambda hz: f'{hz / 1e6:.0f} MHz')}"
    yield from (f"note: {note}" for note in report.notes)
    yield from (f"failed: {failure}" for failure in run.failures)


def look_line(look: Look, before: Look | None) -> str:
    """Return how it goes, for the progress on a terminal."""
    start_s, frames = (before.at_s, before.frames) if before else (0.0, 0)
    rate = (look.frames - frames) / max(look.at_s - start_s, 1e-3)
    heat = "" if look.board.temperature_c is None else f"  {look.board.temperature_c:.0f} °C"
    held_back = "".join(f"  {kind}!" for kind in sorted(look.board.held_back))
    return f"{rate:.1f} results/s{heat}{held_back}"


def require_bars(report: SustainReport) -> None:
    """Check that the measurement holds, and that it reaches what it must.

    Raises:
        GateError: It does not.
    """
    if report.disturbances:
        first = report.disturbances[0]
        kinds = ", ".join(one.kind for one in report.disturbances)
        raise GateError(f"measurement: expected a machine that is not held back, got {kinds}", hint=first.cure)
    if missed := [bar for bar in report.bars if not bar.is_met]:
        raise GateError("\n".join(f"{bar.name}: expected {bar.wanted:g}, got {bar.got:g}" for bar in missed))


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _bare(report: SustainReport) -> Iterator[tuple[str, Figures]]:
    yield "onnxruntime before", report.bare_start
    yield "onnxruntime after", report.bare_end


def _stretch(stretch: Stretch) -> str:
    span_s = stretch.to_s - stretch.from_s
    return f"{span_s:.0f} s: {stretch.results_per_s} results/s, {stretch.frame_ms:.3f} ms each"


def _slowness(report: SustainReport) -> str:
    ours, bare = report.slower_percent, report.bare_slower_percent
    told = f"a sample took {ours:+.1f} % at the end, onnxruntime alone {bare:+.1f} %"
    if not ours > _NOTABLE_PERCENT:
        return told
    return f"{told}: {'the machine' if bare >= ours / 2 else 'not the machine, but what runs on it'} became slower"


def _course(course: Course | None, shown: Callable[[float], str]) -> str:
    if course is None:
        return "not told here"
    ends = f"{shown(course.start)} at the start, {shown(course.end)} at the end"
    return f"{ends}, {shown(course.least)} to {shown(course.most)}"
