"""`edge-sdk parity`: one model on several engines, in one matrix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_sdk import files, records
from edge_sdk.cli import output
from edge_sdk.cli.options import HeadOption, TaskOption, parse_shapes, require_onnx, told_head
from edge_sdk.errors import InputError

if TYPE_CHECKING:
    from edge_sdk.convert.parity import ParityReport
    from edge_sdk.convert.parity.report import Row, Subject

_FEW_LETTERS = 100


def compare(
    model: Annotated[Path, typer.Argument(help="An ONNX model, or a package NAME.edge.", show_default=False)],
    engine: Annotated[
        list[str] | None,
        typer.Option("--engine", "-e", metavar="NAME", help="Compare this engine; all that are there without."),
    ] = None,
    inputs: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Pictures, .npz, .npy or a table; random without.", show_default=False),
    ] = None,
    samples: Annotated[int, typer.Option(help="How many samples at most.")] = 4,
    seed: Annotated[int, typer.Option(help="Of random inputs.")] = 0,
    preprocess: Annotated[
        Path | None, typer.Option(help="TOML file that says what turns DATA into inputs.", show_default=False)
    ] = None,
    input_shape: Annotated[
        list[str] | None,
        typer.Option(metavar="SHAPE", help="Sizes of a free input: NAME=1x3x224x224.", show_default=False),
    ] = None,
    task: TaskOption = None,
    head: HeadOption = None,
    layers: Annotated[bool, typer.Option("--layers", help="Compare each operator's result too.")] = False,
    tolerance: Annotated[float, typer.Option(help="Largest error, over the tensor's largest value.")] = 1e-3,
    engine_python: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="The Python in whose environment an engine lives.", show_default=False),
    ] = None,
    limit_s: Annotated[float, typer.Option(help="When an engine is ended, in seconds.")] = 300.0,
    html: Annotated[Path | None, typer.Option(help="Write a page with heat maps here.", show_default=False)] = None,
    certificate: Annotated[Path | None, typer.Option(help="Write the record here.", show_default=False)] = None,
    certify: Annotated[
        Path | None,
        typer.Option(metavar="NEW.edge", help="Write the package anew, with the record as its certificate."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Run a model on several engines, and compare what they compute with ONNX's own reference.

    Each engine runs in a process of its own: what it refuses, or where it crashes, is told in its row. Exit code 6 if
    an output is beyond the tolerance, with the first operator that diverges.

    Example: edge-sdk parity model.onnx --engine onnxruntime --engine opencv
    """
    require_onnx()
    from edge_sdk.convert.parity import ParityRequest, Tolerance, compare_engines, parity_page, require_engines_agree
    from edge_sdk.quantize import preprocess_from_file

    request = ParityRequest(
        model=model,
        engines=tuple(engine or ()),
        inputs=inputs,
        samples=samples,
        seed=seed,
        layers=layers,
        tolerance=Tolerance(relative=tolerance),
        shapes=parse_shapes(input_shape or []),
        preprocess=preprocess_from_file(preprocess) if preprocess is not None else None,
        task=task,
        head=told_head(head),
        pythons=_pythons(engine_python or []),
        limit_s=limit_s,
    )
    report = compare_engines(request, tell=lambda name: output.note(f"running {name}"))
    if html is not None:
        files.write_bytes(html, parity_page(report).encode())
    if certificate is not None:
        files.write_bytes(certificate, records.to_json(report).encode())
    output.emit(report, _lines(report), as_json=as_json)
    require_engines_agree(report)
    if certify is not None:
        _certify(model, certify, report)


def _certify(model: Path, certify: Path, report: ParityReport) -> None:
    """Write a package anew, with its certificate."""
    from edge_sdk.package import open_package, write_package
    from edge_sdk.package.certificate import with_certificate

    write_package(certify, *with_certificate(open_package(model), records.to_json(report).encode()))
    output.note(f"wrote {certify}")


def _pythons(texts: Iterable[str]) -> dict[str, Path]:
    """Read `tvm=/opt/tvm/bin/python`."""
    pythons = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise InputError(f"--engine-python: expected NAME=PATH, got '{text}'")
        pythons[name] = Path(path)
    return pythons


def _lines(report: ParityReport) -> Iterator[str]:
    for subject in report.subjects:
        yield from _subject_lines(subject)
        rows = [row for row in report.rows if row.variant == subject.variant]
        yield from output.table(
            ("engine", "output", "max abs", "relative", "SNR dB", "cosine", "verdict"),
            [cells for row in rows for cells in _cells(row, subject)],
        )
        agreements = [row for row in rows if row.agreement is not None and row.engine != subject.oracle]
        if agreements:
            yield ""
            head = ("engine", "task", "agreement", "changed")
            yield from output.table(head, [_agreement(row) for row in agreements])
        yield from _first_lines(rows)
        yield ""


def _subject_lines(subject: Subject) -> Iterator[str]:
    named = f"{subject.variant}: " if subject.variant else ""
    yield f"{named}{subject.inputs}; compared with {subject.oracle}"
    if subject.oracle_told:
        yield f"because of {subject.oracle_told[:_FEW_LETTERS]}"


def _cells(row: Row, subject: Subject) -> Iterator[tuple[str, ...]]:
    named = f"{row.engine} {next(iter(row.versions.values()), '')}".strip()
    if row.outcome != "ran":
        yield (named, "", "", "", "", "", f"{row.outcome}: {row.reason[:_FEW_LETTERS]}")
    for told in row.outputs:
        verdict = (
            "the oracle" if row.engine == subject.oracle else "beyond" if told.output in row.failures else "agrees"
        )
        numbers = (f"{told.max_abs:.2e}", f"{told.relative:.2e}", f"{told.snr_db:.1f}", f"{told.cosine:.7f}")
        yield (named, told.output, *numbers, f"{verdict} ({told.told})" if told.told else verdict)


def _agreement(row: Row) -> tuple[str, ...]:
    told = row.agreement
    if told is None or told.told:
        return (row.engine, "", "", told.told if told is not None else "")
    return (row.engine, told.task, f"{told.agreement:.4f}", f"{told.changed} of {told.samples}")


def _first_lines(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        if row.layers is not None and row.layers.first is not None:
            yield f"{row.engine} first diverges at {row.layers.first} ({row.layers.graph})"
        elif row.layers is not None and row.layers.told:
            yield f"{row.engine}: {row.layers.told[:_FEW_LETTERS]}"
