"""`edge-sdk bench`: how fast a package runs here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_sdk.cli import output
from edge_sdk.cli.run import stage_lines
from edge_sdk.profiles import load_profile

if TYPE_CHECKING:
    from edge_sdk.runtime.bench import BenchReport


def bench_package(
    package: Annotated[Path, typer.Argument(help="The package, NAME-VERSION.edge.")],
    profile: Annotated[str | None, typer.Option(help="The board; this machine if not given.")] = None,
    source: Annotated[str | None, typer.Option(help="Where samples come from; noise if not given.")] = None,
    frames: Annotated[int, typer.Option(help="How many samples are measured.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Measure a package on this machine, beside onnxruntime alone in the same run.

    Example: edge-sdk bench parts-1.edge --frames 100
    """
    from edge_sdk.package import open_package
    from edge_sdk.runtime import Pipeline, open_source
    from edge_sdk.runtime.bench import bench

    board = load_profile(profile) if profile else None
    with ExitStack() as stack:
        pipeline = stack.enter_context(Pipeline.open(open_package(package), board))
        window = pipeline.manifest.preprocess.window
        samples = stack.enter_context(closing(open_source(source, window=window))) if source else None
        report = bench(pipeline, samples, frames=frames)
    output.emit(report, _lines(report), as_json=as_json)


def _lines(report: BenchReport) -> Iterator[str]:
    yield from stage_lines([*report.stages.items(), ("onnxruntime alone", report.bare)])
    yield ""
    yield f"{report.frames_per_s} frames a second on {', '.join(report.providers)}, {report.frames} of {report.source}"
    own_ms, around_ms = report.stages["own"].p50_ms, report.around_bare_p50_ms
    yield f"edge-sdk adds {own_ms:.3f} ms a frame in its loop and {around_ms:.3f} ms around onnxruntime (medians)"
    yield f"peak memory {report.peak_memory_bytes / 1e6:.0f} MB"
