"""`edge-sdk run`: run a package on a source."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edge_sdk.cli import output
from edge_sdk.cli.follow import told_followers
from edge_sdk.cli.thrift import told_governor, told_ladder, told_motion
from edge_sdk.errors import InputError
from edge_sdk.profiles import load_profile

if TYPE_CHECKING:
    from edge_sdk.runtime.accounting import Accounts
    from edge_sdk.runtime.frame import Outcome, Sample
    from edge_sdk.runtime.loop import Run
    from edge_sdk.runtime.metrics import Figures
    from edge_sdk.runtime.record import Ended, RunReport
    from edge_sdk.runtime.sinks import Sink

INTERRUPTED = 130
ON_STDOUT = frozenset({"console", "jsonl:-"})
_UNTOLD = frozenset({"none", "progress"})
ENDED: dict[Ended, str] = {
    "running": "running",
    "end": "at its end",
    "max-frames": "ended by --max-frames",
    "duration": "ended by --duration",
    "stopped": "stopped",
    "interrupted": "interrupted",
    "failed": "failed",
}


def run_package(
    package: Annotated[Path, typer.Argument(help="The package, NAME-VERSION.edge.")],
    source: Annotated[
        list[str],
        typer.Option(
            help="camera:0, rtsp://…, http://…, iio:…, mqtt://…, replay:…, video, folder, NPZ, CSV, WAV …; repeatable."
        ),
    ],
    *,
    sink: Annotated[
        list[str] | None,
        typer.Option(
            help="console, jsonl:PATH, jsonl:-, mqtt://…, video:PATH, keep:…, record:…, web:PORT, none; repeatable."
        ),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="The board; this machine if not given.")] = None,
    policy: Annotated[
        Literal["newest", "every"] | None,
        typer.Option(help="Which samples: newest (usual for cameras) or every (usual for files)."),
    ] = None,
    at_once: Annotated[
        int, typer.Option(help="How many samples are in the model at once, where every one is processed.")
    ] = 2,
    score_threshold: Annotated[float | None, typer.Option(help="Least score of a reported box, 0 to 1.")] = None,
    require_certificate: Annotated[
        bool,
        typer.Option("--require-certificate", help="Refuse a package without a certificate for this onnxruntime."),
    ] = False,
    track: Annotated[bool, typer.Option("--track", help="Follow things from picture to picture, with ids.")] = False,
    line: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=X1,Y1,X2,Y2", help="Count what crosses a line, each way; may be repeated."),
    ] = None,
    zone: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=X1,Y1,...", help="Tell what is in a zone and for how long; may be repeated."),
    ] = None,
    events: Annotated[
        float | None, typer.Option(help="Tell classes as events from this probability on, averaged over half a second.")
    ] = None,
    quiet_class: Annotated[
        list[str] | None, typer.Option(metavar="LABEL", help="A class that is no event; may be repeated.")
    ] = None,
    max_frames: Annotated[int | None, typer.Option(help="End after so many samples.")] = None,
    duration: Annotated[float | None, typer.Option(help="End after so many seconds.")] = None,
    max_age_ms: Annotated[float | None, typer.Option(help="Keep older results from the sinks.")] = None,
    reconnect_for: Annotated[
        float | None, typer.Option(help="Give a live source up after so many seconds; tried for ever if not given.")
    ] = None,
    frozen_after: Annotated[
        float, typer.Option(help="Seconds of one same picture that are a frozen camera; 0 does not look.")
    ] = 10.0,
    motion_gate: Annotated[
        float | None,
        typer.Option(metavar="LEVELS", help="Leave out pictures that change by less, of 255 grey levels; 6 is usual."),
    ] = None,
    follow_package: Annotated[
        bool, typer.Option("--follow-package", help="Let another package take over when PACKAGE leads to one.")
    ] = False,
    shadow_samples: Annotated[
        int, typer.Option(help="On how many samples a model that is to take over runs beside the one in use.")
    ] = 30,
    swap_min_agreement: Annotated[float, typer.Option(help="How far it must agree on them, 0 to 1.")] = 0.8,
    swap_watch: Annotated[float, typer.Option(help="For so many seconds it may have to give way again.")] = 30.0,
    swap_gap: Annotated[
        bool, typer.Option("--swap-gap", help="Where two models do not fit, close the one in use first.")
    ] = False,
    ladder: Annotated[
        list[str] | None,
        typer.Option(metavar="fps=15,10,5", help="Do less, step by step, where it must; model=FILE too."),
    ] = None,
    deadline_ms: Annotated[
        float | None, typer.Option(help="With --ladder: one result in 20 may take longer, from capture.")
    ] = None,
    max_temperature: Annotated[
        float | None, typer.Option(help="With --ladder: degrees Celsius; the board's if not given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout.")] = False,
) -> None:
    """Run a package on cameras, streams or files, and account for every sample.

    Example: edge-sdk run parts-1.edge --source clip.mp4 --sink jsonl:results.jsonl
    """
    from edge_sdk.package import open_package
    from edge_sdk.runtime import Pipeline, Run, RunOptions, open_sink
    from edge_sdk.runtime.feed import open_feeds
    from edge_sdk.runtime.follow import BySource
    from edge_sdk.runtime.sinks.systemd import from_environment
    from edge_sdk.runtime.supervision import Limits
    from edge_sdk.runtime.swap import SwapOptions
    from edge_sdk.runtime.swap.package_watch import Identity, PackageWatch

    sinks = sink or (["none"] if as_json else ["console"])
    if as_json and ON_STDOUT.intersection(sinks):
        raise InputError("sink: expected stdout for --json alone, got console or jsonl:- too", hint="write to a file")
    followers = told_followers(track=track, lines=line or (), zones=zone or (), events=events, quiet=quiet_class or ())
    board = load_profile(profile) if profile else None
    swaps = SwapOptions(
        shadow_samples=shadow_samples, min_agreement=swap_min_agreement, watch_s=swap_watch, allow_gap=swap_gap
    )
    opened_file = Identity.of(package)
    contents, open_model = (
        open_package(package),
        partial(Pipeline.open, profile=board, score_threshold=score_threshold, certified=require_certificate),
    )
    rungs = told_ladder(ladder or (), contents, open_model, is_followed=follow_package)
    governor = told_governor(rungs, board, deadline_ms=deadline_ms, max_temperature_c=max_temperature)
    with open_model(contents) as pipeline:
        options = RunOptions(
            policy=policy,
            at_once=at_once,
            max_frames=max_frames,
            duration_s=duration,
            max_age_ms=max_age_ms,
            limits=Limits(frozen_s=frozen_after, reconnect_for_s=reconnect_for),
            motion=told_motion(motion_gate, pipeline.manifest.preprocess),
            governor=governor,
        )
        with ExitStack() as opened:
            feeds = open_feeds(source, window=pipeline.manifest.preprocess.window)
            for feed in feeds:
                opened.callback(feed.source.close)
            paced_by = next((feed.source for feed in feeds if feed.source.live), feeds[0].source)
            into: list[Sink] = [opened.enter_context(closing(open_sink(uri, paced_by))) for uri in sinks]
            if not ON_STDOUT.intersection(sinks):
                into.append(opened.enter_context(closing(_Progress(max_frames))))
            if (manager := from_environment(os.environ)) is not None:
                into.append(opened.enter_context(closing(manager)))
            follow = BySource(followers, most=len(source)).follow if followers else None
            run = Run(pipeline, feeds, sinks=into, options=options, follow=follow)
            opened.pop_all()  # from here on the run closes them
        with PackageWatch(run, package, opened_file, swaps) if follow_package else nullcontext():
            _execute(run, as_json=as_json)


class _Progress:
    """A sink that moves a progress bar, which is gone before the report is told."""

    name = "progress"

    def __init__(self, total: int | None) -> None:
        self._bar = ExitStack()
        self._advance = self._bar.enter_context(output.progress("samples", total))

    def write(self, sample: Sample, outcome: Outcome) -> None:
        self._advance(1)

    def close(self) -> None:
        self._bar.close()


def _execute(run: Run, *, as_json: bool) -> None:
    """Execute the run and tell its accounts, also if it fails."""
    from edge_sdk.runtime.loop import stopping_on_signals

    try:
        with stopping_on_signals(run):
            run.execute()
    finally:
        report = run.report()
        if as_json:
            output.emit(report, (), as_json=True)
        else:
            for line in report_lines(report):
                output.note(line)
    if report.ended == "interrupted":
        raise typer.Exit(INTERRUPTED)


def report_lines(report: RunReport) -> Iterator[str]:
    """Yield the report for people."""
    names = ", ".join(source.name for source in report.sources)
    yield f"{names}: {ENDED[report.ended]} after {report.duration_s:.1f} s, {report.results_per_s} results/s"
    if len(report.sources) > 1:
        for source in report.sources:
            yield from account_lines(source.accounts, where=f"{source.name}: ")
    for source in report.sources:
        if source.reopened or source.state == "dead":
            yield f"{source.name}: {source.state}, opened anew {source.reopened} times, {source.hanging} reads hanging"
    yield from account_lines(report.accounts)
    for sink in report.sinks:
        if sink.name not in _UNTOLD:
            yield f"{sink.name}: {sink.written} written + {sink.dropped} dropped + {sink.failed} failed"
        if sink.counts:
            yield f"{sink.name}: " + ", ".join(f"{count} {fate}" for fate, count in sink.counts.items())
    yield from _change_lines(report)
    yield from stage_lines(report.stages.items())


def _change_lines(report: RunReport) -> Iterator[str]:
    for swap in report.swaps:
        yield f"{swap.package}: {swap.state}: {swap.cause}"
    if report.governor is not None:
        yield f"ladder: ended at {report.governor.rung} after {report.governor.steps} steps"


def account_lines(accounts: Accounts, *, where: str = "") -> Iterator[str]:
    """Yield where all samples went."""
    dropped = " + ".join(f"{count} {cause}" for cause, count in accounts.dropped.items()) or "0 dropped"
    yield f"{where}captured {accounts.captured} = {accounts.delivered} delivered + {dropped}"
    fates = f"{accounts.results} results + {accounts.errors} errors + {accounts.stale} stale"
    yield f"{where}delivered {accounts.delivered} = {fates}"


def stage_lines(stages: Iterable[tuple[str, Figures]]) -> Iterator[str]:
    """Yield a table of the stages, in milliseconds."""
    rows = [
        (name, *(f"{ms:.3f}" for ms in (stage.p50_ms, stage.p95_ms, stage.p99_ms, stage.max_ms)))
        for name, stage in stages
    ]
    yield from output.table(("stage", "p50 ms", "p95 ms", "p99 ms", "max ms"), rows)
