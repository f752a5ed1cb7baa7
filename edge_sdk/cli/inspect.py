"""`edge-sdk inspect`: what a package is, after every byte of it has been checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_sdk import records
from edge_sdk.cli import output

if TYPE_CHECKING:
    from edge_sdk.package import Accuracy, Manifest, ModelPackage
    from edge_sdk.preprocess import Preprocess

_SHOWN_LABELS = 5


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is printed of a package.

    Attributes:
        digest: SHA-256 of the whole package, its identity.
        size_bytes: Its size.
        manifest: What it says of itself.
    """

    digest: str
    size_bytes: int
    manifest: Manifest


def inspect_package(
    package: Annotated[Path, typer.Argument(help="The package, NAME-VERSION.edge.")],
    extract: Annotated[Path | None, typer.Option(help="Write its files into this new folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Check every byte of a package and show what is in it.

    Example: edge-sdk inspect parts-1.edge
    """
    from edge_sdk.package import open_package

    opened = open_package(package)
    if extract is not None:
        opened.extract(extract)
        output.note(f"{len(opened.files)} files written to {extract}")
    record = Inspection(opened.digest, opened.path.stat().st_size, opened.manifest)
    output.emit(record, _lines(record, opened), as_json=as_json)


def _lines(record: Inspection, package: ModelPackage) -> Iterator[str]:
    manifest, provenance = record.manifest, record.manifest.provenance
    task = f"{manifest.task.kind} {manifest.task.head}".strip()
    yield f"{manifest.name} {manifest.version}: {task}, {record.size_bytes:,} bytes, every byte checked"
    yield f"digest       {record.digest}"
    yield from (f"input        {spec.name} {spec.dtype} {spec.describe()}" for spec in manifest.inputs)
    yield from (f"output       {spec.name} {spec.dtype} {spec.describe()}" for spec in manifest.outputs)
    yield f"labels       {_labels(manifest.labels)}"
    yield f"preprocess   {_steps(manifest.preprocess)}"
    for family, variant in sorted(manifest.variants.items()):
        if variant.preprocess is not None:
            yield f"  {family}: {_steps(variant.preprocess)}"
    yield f"source       {provenance.source_sha256}"
    yield f"calibration  {provenance.calibration_sha256 or 'none'}, {provenance.calibration_samples} samples"
    yield f"made for     {', '.join(provenance.profiles)}"
    yield f"made with    {', '.join(f'{name} {version}' for name, version in sorted(provenance.versions.items()))}"
    yield ""
    yield from output.table(
        ("variant", "bytes", "opset", "integer", "metric", "float", "value", "drop (95 %)", "agreement", "samples"),
        [
            (
                family,
                f"{variant.model.size_bytes:,}",
                str(variant.opset),
                f"{variant.integer_share:.0%}",
                *_accuracy(variant.accuracy),
            )
            for family, variant in sorted(manifest.variants.items())
        ],
    )
    yield ""
    yield from output.table(
        ("file", "bytes", "sha256"), [(entry.name, f"{entry.size_bytes:,}", entry.sha256) for entry in package.files]
    )


def _labels(labels: tuple[str, ...]) -> str:
    shown = ", ".join(labels[:_SHOWN_LABELS])
    return f"{len(labels)}: {shown}{', …' if len(labels) > _SHOWN_LABELS else ''}" if labels else "unknown"


def _steps(preprocess: Preprocess) -> str:
    kinds = {"image": preprocess.image, "window": preprocess.window}
    for kind, steps in kinds.items():
        if steps is not None:
            return f"{kind} " + " ".join(f"{name}={value}" for name, value in records.to_data(steps).items())
    return "none"


def _accuracy(accuracy: Accuracy | None) -> tuple[str, ...]:
    if accuracy is None:
        return ("",) * 6
    drop = "" if accuracy.drop_low is None else f"{accuracy.drop_low:+.2f} to {accuracy.drop_high:+.2f}"
    points = ("" if value is None else f"{value:.2f}" for value in (accuracy.float_value, accuracy.value))
    return (accuracy.metric, *points, drop, f"{accuracy.agreement:.4f}", str(accuracy.samples))
