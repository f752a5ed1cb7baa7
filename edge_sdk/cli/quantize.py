"""`edge-sdk quantize`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from edge_sdk import files
from edge_sdk.cli import output
from edge_sdk.cli.options import (
    HeadOption,
    SchemeOption,
    TaskOption,
    parse_shapes,
    require_onnx,
    told_head,
    told_scheme,
)
from edge_sdk.cli.profiles import ProfilesDir
from edge_sdk.errors import InputError
from edge_sdk.profiles import load_profile

if TYPE_CHECKING:
    from edge_sdk.quantize import QuantRequest
    from edge_sdk.quantize.cache import Cache


def quantize_model(
    model: Annotated[Path, typer.Argument(help="The float ONNX model.", show_default=False)],
    profile: Annotated[
        list[str],
        typer.Option(
            "--profile",
            "-p",
            metavar="BOARD",
            help="A board, by name or profile file; may be repeated.",
            show_default=False,
        ),
    ],
    calibration: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Samples: a folder of pictures, a video, .csv, .npy, .npz (FILE.npz:key).",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", help="The package to write, NAME.edge.", show_default=False)
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Labels: a CSV with a column 'file', COCO's JSON, or FILE.npz:key.", show_default=False
        ),
    ] = None,
    evaluation: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Samples to measure on, where the labels name no files.", show_default=False),
    ] = None,
    class_names: Annotated[Path | None, typer.Option(help="Class names, one a line.", show_default=False)] = None,
    task: TaskOption = None,
    head: HeadOption = None,
    preprocess: Annotated[Path | None, typer.Option(help="The preprocessing, as TOML.", show_default=False)] = None,
    normalize: Annotated[
        Literal["raw", "unit", "symmetric", "imagenet"] | None,
        typer.Option(help="Pixels: raw 0..255, unit 0..1, symmetric -1..1, imagenet.", show_default=False),
    ] = None,
    resize: Annotated[
        str | None,
        typer.Option(metavar="HOW", help="Pictures: stretch, letterbox, crop, or crop:256.", show_default=False),
    ] = None,
    color: Annotated[
        Literal["rgb", "bgr", "gray"] | None,
        typer.Option(help="Channel order that the model takes.", show_default=False),
    ] = None,
    scheme: SchemeOption = "auto",
    max_drop: Annotated[
        float | None,
        typer.Option(help="Greatest accepted drop, in points of 100; the profile's if left out.", show_default=False),
    ] = None,
    min_agreement: Annotated[
        float | None, typer.Option(help="Least agreement with the float model, 0 to 1.", show_default=False)
    ] = None,
    min_integer_share: Annotated[
        float | None, typer.Option(help="Least share of the work left in integers, 0 to 1.", show_default=False)
    ] = None,
    input_kind: Annotated[
        Literal["auto", "float", "pixels"] | None,
        typer.Option(
            "--input",
            help="What int8 variants take: pixels as they are, or normalized floats; the profile's if left out.",
            show_default=False,
        ),
    ] = None,
    min_gain: Annotated[
        float | None,
        typer.Option(
            help="How many times as fast as float a variant must be, else float is packed; 0 always quantizes.",
            show_default=False,
        ),
    ] = None,
    pick: Annotated[
        Literal["knee", "fastest", "most-accurate"],
        typer.Option(help="Which plan to take among those within the budget."),
    ] = "knee",
    calibration_samples: Annotated[int, typer.Option(help="Most samples to calibrate with.")] = 200,
    input_shape: Annotated[
        list[str] | None,
        typer.Option(metavar="SHAPE", help="Sizes of a free input: NAME=1x3x224x224.", show_default=False),
    ] = None,
    name: Annotated[
        str, typer.Option(help="Name of the package; the model's file name if left out.", show_default=False)
    ] = "",
    version: Annotated[int, typer.Option(help="Version of the package, a counter.")] = 1,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where what was measured is kept (at most 1 GiB); $XDG_CACHE_HOME/edge-sdk if left out.",
            show_default=False,
        ),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Keep nothing, and use nothing that was kept.")] = False,
    check_only: Annotated[
        bool, typer.Option("--check-only", help="Look at the samples, say what is wrong with them, and stop.")
    ] = False,
    trust_data: Annotated[
        bool, typer.Option("--trust-data", help="Go on though the samples contradict the model.")
    ] = False,
    no_pictures: Annotated[
        bool, typer.Option("--no-pictures", help="Keep samples out of the report, which travels in the package.")
    ] = False,
    profiles_dir: ProfilesDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Quantize a model for boards within an accuracy budget, and write one package.

    Layers that would cost more than the budget stay in float; the report names them. Exit code 6 if the budget
    cannot be held.

    Example: edge-sdk quantize m.onnx -p raspberry-pi-5 --calibration pictures/ --resize letterbox -o m.edge
    """
    require_onnx()
    from edge_sdk.quantize import ImageFlags, QuantRequest, class_names_from_file, preprocess_from_file, quantize
    from edge_sdk.quantize.report import report_lines

    if not check_only and (out is None or out.suffix != ".edge"):
        raise InputError(f"--output: expected a file NAME.edge, got {out or 'none'}")
    flags = {"normalize": normalize, "resize": resize, "color": color}
    told: dict[str, Any] = {key: value for key, value in flags.items() if value is not None}
    if preprocess is not None and told:
        raise InputError(
            f"--preprocess: expected the file or flags, got both ({', '.join('--' + key for key in told)})"
        )
    declared = preprocess_from_file(preprocess) if preprocess else ImageFlags(**told) if told else None
    request = QuantRequest(
        model=model,
        profiles=tuple(load_profile(one, profiles_dir) for one in profile),
        calibration=calibration,
        preprocess=declared,
        labels=labels,
        evaluation=evaluation,
        class_names=class_names_from_file(class_names) if class_names else (),
        task=task,
        head=told_head(head),
        scheme=told_scheme(scheme),
        max_drop_points=max_drop,
        min_agreement=min_agreement,
        min_integer_share=min_integer_share,
        input=input_kind,
        min_gain=min_gain,
        pick=pick,
        calibration_samples=calibration_samples,
        shapes=parse_shapes(input_shape or []),
        name=name,
        version=version,
        trusts_data=trust_data,
        cache=_cache(cache, is_wanted=not no_cache),
        shows_pictures=not no_pictures,
    )
    if out is None or check_only:
        _check(request, as_json=as_json)
        return
    try:
        report = quantize(request, out, progress=output.progress, tell=output.note)
    except KeyboardInterrupt:
        output.note("interrupted: nothing is written" + ("" if no_cache else "; the same command goes on from here"))
        raise
    output.emit(report, [*report_lines(report), "", f"wrote {out}"], as_json=as_json)


def _cache(folder: Path | None, *, is_wanted: bool) -> Cache:
    from edge_sdk.quantize.cache import FolderCache, NoCache

    if not is_wanted:
        return NoCache()
    chosen = folder or files.cache_folder("quantize", os.environ, Path.home())
    return FolderCache(chosen, on_use=lambda: output.note(f"going on with what an earlier run left in {chosen}"))


def _check(request: QuantRequest, *, as_json: bool) -> None:
    from edge_sdk.quantize import check_data
    from edge_sdk.quantize.finding import check_lines, require_sound

    report = check_data(request, progress=output.progress)
    output.emit(report, check_lines(report), as_json=as_json)
    if not request.trusts_data:
        require_sound(report.findings)
