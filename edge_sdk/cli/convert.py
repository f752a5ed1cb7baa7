"""`edge-sdk convert`: from a framework's model to an ONNX file that has proven itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edge_sdk.cli import output
from edge_sdk.cli.options import HeadOption, TaskOption, require_onnx, told_head
from edge_sdk.cli.profiles import ProfilesDir
from edge_sdk.errors import InputError
from edge_sdk.profiles import load_profile

if TYPE_CHECKING:
    from edge_sdk.convert.record import ConvertReport, Shape

_AXIS = re.compile(r"([1-9][0-9]{0,8})|\?|([A-Za-z_]\w*)(?::([1-9][0-9]{0,8}))?")
_NEWEST_IR = 10
"""What is written where no board is named."""


def convert_model(
    source: Annotated[
        str, typer.Argument(help="A file or folder of a framework, or module:factory.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--output", "-o", help="The ONNX file to write.", show_default=False)],
    framework: Annotated[
        str, typer.Option("--from", metavar="NAME", help="The framework, where the file does not tell it.")
    ] = "",
    weights: Annotated[
        Path | None, typer.Option(help="Weights for what module:factory returns.", show_default=False)
    ] = None,
    input_shape: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SHAPE",
            help="NAME=?x3x224x224; ? is a free batch, a word another free axis (time, time:64).",
            show_default=False,
        ),
    ] = None,
    opset: Annotated[int | None, typer.Option(help="Newest operator set; 17 if left out.", show_default=False)] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option("--profile", "-p", metavar="BOARD", help="Boards that must load it.", show_default=False),
    ] = None,
    inputs: Annotated[
        str | None, typer.Option(metavar="DATA", help="Compare on these samples too.", show_default=False)
    ] = None,
    samples: Annotated[int, typer.Option(help="How many samples are compared.")] = 8,
    seed: Annotated[int, typer.Option(help="Of random inputs.")] = 0,
    min_snr_db: Annotated[float, typer.Option(help="Least signal-to-noise ratio of floats.")] = 80.0,
    min_same: Annotated[float, typer.Option(help="Least share of classes, integers and texts the same, 0 to 1.")] = 1.0,
    preprocess: Annotated[
        Path | None, typer.Option(help="TOML file of what happens before the model.", show_default=False)
    ] = None,
    class_names: Annotated[Path | None, typer.Option(help="Class names, one a line.", show_default=False)] = None,
    task: TaskOption = None,
    head: HeadOption = None,
    trust: Annotated[bool, typer.Option("--trust", help="Load a pickle, which may run any code.")] = False,
    dequantize: Annotated[bool, typer.Option("--dequantize", help="Make floats of a model in integers.")] = False,
    layout: Annotated[
        Literal["nhwc", "nchw"] | None,
        typer.Option(help="How it takes pictures; as the source does if left out.", show_default=False),
    ] = None,
    inputs_at: Annotated[
        list[str] | None,
        typer.Option(metavar="TENSOR", help="Cut a frozen graph of TensorFlow here.", show_default=False),
    ] = None,
    profiles_dir: ProfilesDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Convert a framework's model to ONNX, and prove that it still computes the same.

    The framework runs in a process of its own. Nothing is written if an output is further from the source's own than
    the tolerance: exit code 6, with the first layer that diverges.

    Example: edge-sdk convert model.joblib --trust -o model.onnx
    """
    require_onnx()
    from edge_sdk.convert.job import convert
    from edge_sdk.convert.parity import Tolerance
    from edge_sdk.convert.record import DEFAULT_OPSET, ConvertRequest, Order
    from edge_sdk.quantize import class_names_from_file, preprocess_from_file

    boards = [load_profile(name, profiles_dir).system for name in profile or ()]
    shapes, sizes = _read_shapes(input_shape or ())
    order = Order(
        source=source,
        weights=str(weights) if weights else "",
        shapes=shapes,
        sizes=sizes,
        opset=opset
        or min((DEFAULT_OPSET, *(board.max_opset for board in boards))),  # a newer one loads, and lacks kernels
        trusts=trust,
        dequantize=dequantize,
        layout=layout or "",
        inputs_at=tuple(inputs_at or ()),
    )
    request = ConvertRequest(
        order=order,
        framework=framework,
        max_ir=min((board.max_ir for board in boards), default=_NEWEST_IR),
        inputs=inputs,
        samples=samples,
        seed=seed,
        tolerance=Tolerance(relative=None, min_snr_db=min_snr_db, equal_share=min_same),
        preprocess=preprocess_from_file(preprocess) if preprocess else None,
        labels=class_names_from_file(class_names) if class_names else (),
        task=task,
        head=told_head(head),
    )
    report = convert(request, out, tell=output.note)
    output.emit(report, [*_lines(report), "", f"wrote {out}"], as_json=as_json)
    if report.preprocess is None:
        output.note("the source does not say what happens before the model: --preprocess FILE.toml writes it into it")


def _read_shapes(texts: Sequence[str]) -> tuple[dict[str, Shape], dict[str, int]]:
    """Read `NAME=?x3x224x224` and the sizes of `time:64`.

    Raises:
        InputError: A text is not of that form.
    """
    from edge_sdk.convert.record import BATCH

    shapes: dict[str, Shape] = {}
    sizes: dict[str, int] = {}
    for text in texts:
        name, _, axes = text.rpartition("=")
        found = [_AXIS.fullmatch(axis) for axis in _axes(axes)]
        if not name or None in found:
            raise InputError(f"--input-shape: expected NAME=?x3x224x224, got '{text}'")
        told = [axis for axis in found if axis is not None]
        shapes[name] = tuple(int(axis[1]) if axis[1] else axis[2] or BATCH for axis in told)
        sizes.update({axis[2]: int(axis[3]) for axis in told if axis[3]})
    return shapes, sizes


def _axes(text: str) -> list[str]:
    """Split at each `x` that stands between axes; a word may have one inside."""
    return re.split(r"(?<=[0-9?])x|x(?=[0-9?])", text)


def _lines(report: ConvertReport) -> Iterator[str]:
    made = f"operator set {report.opset}, IR {report.ir}, {report.model_bytes} bytes"
    yield f"{report.framework} by {report.exporter}: {made}"
    yield from (f"not by {fallback}" for fallback in report.fallbacks)
    yield from (f"input {spec.name} {spec.dtype} {spec.describe()}" for spec in report.inputs)
    yield from (f"output {spec.name} {spec.dtype} {spec.describe()}" for spec in report.outputs)
    yield ""
    yield f"compared with the source on {report.parity.inputs}"
    rows = [
        (one.output, f"{one.max_abs:.2e}", f"{one.relative:.2e}", f"{one.snr_db:.1f}", f"{one.cosine:.7f}")
        for one in report.parity.outputs
    ]
    yield from output.table(("output", "max abs", "relative", "SNR dB", "cosine"), rows)
    yield from (
        f"{one.output}: at most {one.most} steps of {one.step:.3g} apart, {one.within_one:.2%} within one"
        for one in report.parity.steps
    )
    if (agreed := report.parity.agreement) is not None:
        yield f"{agreed.task}: {agreed.changed} of {agreed.samples} answers changed"
    yield from report.notes
