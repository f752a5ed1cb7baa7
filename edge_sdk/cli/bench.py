"""`edge-sdk bench`: how fast a package runs here, at once or for long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edge_sdk.cli import output
from edge_sdk.cli.run import INTERRUPTED, ON_STDOUT, stage_lines
from edge_sdk.cli.sustain import look_line, require_bars, sustain_lines
from edge_sdk.errors import InputError
from edge_sdk.profiles import detect_profile, load_profile

if TYPE_CHECKING:
    from edge_sdk.runtime import Pipeline
    from edge_sdk.runtime.bench import BenchReport
    from edge_sdk.runtime.sustain.record import Look, SustainOptions, SustainReport

_FRAMES = 200


def bench_package(
    package: Annotated[Path, typer.Argument(help="The package, NAME-VERSION.edge.")],
    *,
    profile: Annotated[str | None, typer.Option(help="The board; this machine if not given.")] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(help="Where samples come from; noise if not given. With --duration, may be repeated."),
    ] = None,
    frames: Annotated[
        int | None, typer.Option(help="How many samples are measured; 200 if not given.", show_default=False)
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(help="Measure the whole run for so many seconds, and the machine beside it; files begin again."),
    ] = None,
    warm_up: Annotated[
        float, typer.Option(help="With --duration: do the same for so many seconds before, unmeasured.")
    ] = 0.0,
    sink: Annotated[
        list[str] | None, typer.Option(help="With --duration: where results go; nowhere if not given. May be repeated.")
    ] = None,
    policy: Annotated[
        Literal["newest", "every"] | None, typer.Option(help="With --duration: which samples; see `edge-sdk run`.")
    ] = None,
    at_once: Annotated[
        int | None, typer.Option(help="With --duration: how many samples are in the model at once; see `edge-sdk run`.")
    ] = None,
    min_fps: Annotated[float | None, typer.Option(help="With --duration: fail below so many results a second.")] = None,
    max_p99_ms: Annotated[
        float | None,
        typer.Option(
            help="With --duration: fail if one result in 100 takes longer, from capture; of files, to compute."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Measure a package on this machine, beside onnxruntime alone in the same run.

    With --duration, cameras, sinks and all run for that time; a machine that was held back makes it invalid.

    Example: edge-sdk bench parts-1.edge --frames 100
    """
    from edge_sdk.package import open_package
    from edge_sdk.runtime import Pipeline
    from edge_sdk.runtime.sustain.record import SustainOptions

    sources, sinks = source or [], sink or []
    if duration is None:
        long = {"--sink": sinks, "--policy": policy, "--at-once": at_once, "another --source": sources[1:]}
        bars = {"--min-fps": min_fps, "--max-p99-ms": max_p99_ms}
        _refuse({"--warm-up": warm_up, **long, **bars}, "--duration with it")
    else:
        _refuse(
            {"--frames": frames is not None, "no --source": not sources}, "--source and no --frames with --duration"
        )
        _refuse({name: name in ON_STDOUT for name in sinks}, "stdout for the report alone")
    board = load_profile(profile) if profile else detect_profile().profile
    with Pipeline.open(open_package(package), board) as pipeline:
        if duration is None:
            report = _bench(pipeline, sources, _FRAMES if frames is None else frames)
            output.emit(report, _lines(report), as_json=as_json)
        else:
            asked = SustainOptions(duration, warm_up, min_fps, max_p99_ms, board.max_temperature_c, policy)
            options = asked if at_once is None else replace(asked, at_once=at_once)
            _tell(_sustain(pipeline, sources, sinks, options), as_json=as_json)


def _refuse(given: Mapping[str, object], wanted: str) -> None:
    if names := ", ".join(name for name, value in given.items() if value):
        raise InputError(f"bench: expected {wanted}, got {names}")


def _tell(report: SustainReport, *, as_json: bool) -> None:
    output.emit(report, sustain_lines(report), as_json=as_json)
    if report.run.ended == "interrupted":
        raise typer.Exit(INTERRUPTED)
    require_bars(report)


def _bench(pipeline: Pipeline, sources: Sequence[str], frames: int) -> BenchReport:
    from edge_sdk.runtime import open_source
    from edge_sdk.runtime.bench import bench

    with ExitStack() as opened:
        window = pipeline.manifest.preprocess.window
        samples = opened.enter_context(closing(open_source(sources[0], window=window))) if sources else None
        return bench(pipeline, samples, frames=frames)


def _sustain(
    pipeline: Pipeline, sources: Sequence[str], sinks: Sequence[str], options: SustainOptions
) -> SustainReport:
    from edge_sdk.runtime import open_sink
    from edge_sdk.runtime.loop import stopping_on_signals
    from edge_sdk.runtime.sustain.endless import open_endless
    from edge_sdk.runtime.sustain.measure import Sustained

    feeds = partial(open_endless, sources, window=pipeline.manifest.preprocess.window)
    before: Look | None = None
    with output.countdown("measuring", options.duration_s) as show:

        def tell(look: Look) -> None:
            nonlocal before
            show(look.at_s, look_line(look, before))
            before = look

        into = [partial(open_sink, uri) for uri in sinks]
        measurement = Sustained(pipeline, feeds, options, sinks=into, tell=tell)
        with stopping_on_signals(measurement):
            return measurement.measure()


def _lines(report: BenchReport) -> Iterator[str]:
    yield from stage_lines([*report.stages.items(), ("onnxruntime alone", report.bare)])
    yield ""
    yield f"{report.frames_per_s} frames a second on {', '.join(report.providers)}, {report.frames} of {report.source}"
    own_ms, around_ms = report.stages["own"].p50_ms, report.around_bare_p50_ms
    yield f"edge-sdk adds {own_ms:.3f} ms a frame in its loop and {around_ms:.3f} ms around onnxruntime (medians)"
    yield f"peak memory {report.peak_memory_bytes / 1e6:.0f} MB"
