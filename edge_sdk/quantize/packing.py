"""Puts what was made into one package, with its report."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edge_sdk import records
from edge_sdk.package import FileEntry, Manifest, Provenance, Variant, write_package
from edge_sdk.package.manifest import least_schema
from edge_sdk.package.onnx_facts import read_facts
from edge_sdk.quantize.make import Made
from edge_sdk.quantize.page import report_page
from edge_sdk.quantize.report import REPORT_NAME, QuantReport
from edge_sdk.quantize.source import Source
from edge_sdk.tensors import Array


def pack(output: Path, source: Source, made: Sequence[Made], report: QuantReport) -> None:
    """Write the package.

    Args:
        output: Its file.
        source: The float model.
        made: Its variants.
        report: What was measured.

    Raises:
        UnavailableError: The package cannot be written.
    """
    contents: dict[str, bytes] = {}
    variants: dict[str, Variant] = {}
    for variant, told in zip(made, report.variants, strict=True):
        model = _add(contents, f"variants/{variant.family}/model.onnx", variant.model)
        facts = read_facts(io.BytesIO(variant.model), len(variant.model), where=variant.family)
        golden = _add(contents, f"golden/{variant.family}.npz", _npz(variant.golden.arrays))
        variants[variant.family] = Variant(
            model=model,
            opset=facts.opset,
            ir=facts.ir,
            integer_share=min((plan.integer_share for plan in told.plans), default=0.0),
            accuracy=variant.accuracy,
            golden=golden,
            min_snr_db=variant.golden.min_snr_db,
            preprocess=variant.preprocess,
        )
    extra = [_add(contents, REPORT_NAME, records.to_json(report).encode())]
    extra.append(_add(contents, "report.html", report_page(report).encode()))
    if source.class_names:
        extra.append(_add(contents, "labels.txt", "".join(f"{name}\n" for name in source.class_names).encode()))
    manifest = Manifest(
        name=report.name,
        version=report.version,
        task=source.task,
        inputs=source.inputs,
        outputs=source.outputs,
        labels=source.class_names,
        preprocess=source.preprocess,
        variants=variants,
        provenance=_provenance(report),
        files=tuple(sorted(extra, key=lambda entry: entry.name)),
        schema=least_schema(source.task, source.preprocess, variants.values()),
    )
    write_package(output, manifest, contents)


def _provenance(report: QuantReport) -> Provenance:
    return Provenance(
        source_sha256=report.source.model_sha256,
        calibration_sha256=report.source.calibration_sha256,
        calibration_samples=report.source.calibration_samples,
        profiles=report.profiles,
        versions=report.versions,
    )


def _add(contents: dict[str, bytes], name: str, data: bytes) -> FileEntry:
    contents[name] = data
    return FileEntry.of(name, data)


def _npz(arrays: Mapping[str, Array]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # allow_pickle=False would be an array for NumPy 1
    return buffer.getvalue()
