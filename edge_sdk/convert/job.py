"""One conversion, from a source to an ONNX file that has proven itself; without proof nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edge_sdk import files, metadata
from edge_sdk.convert.fit import Model, declare, fit_model, opset_of
from edge_sdk.convert.parity.graph import specs_of
from edge_sdk.convert.process import SourceProcess
from edge_sdk.convert.prove import prove
from edge_sdk.convert.recognise import digest_of, recognise
from edge_sdk.convert.record import ConvertReport, ConvertRequest, SourceFacts
from edge_sdk.errors import GateError


def convert(request: ConvertRequest, out: Path, *, tell: Callable[[str], None] = lambda _: None) -> ConvertReport:
    """Convert a source to ONNX, prove that it computes the same, and write it.

    Args:
        request: What is asked.
        out: The ONNX file to write.
        tell: Takes a line for the user at each step.

    Raises:
        InputError: The source cannot be opened, exported, or brought to what boards load.
        GateError: The ONNX model is further from its source than the tolerance; nothing is written.
        UnavailableError: The file cannot be written.
    """
    files.require_writable(out)
    order = request.order
    framework = recognise(order.source, request.framework)
    digest = digest_of(order.source, order.weights)
    tell("opening the source")
    with SourceProcess(request, framework) as source:
        tell(f"exporting from {source.framework}")
        exported, stated = source.export()
        facts = _with_the_users(stated, request)
        model = fit_model(exported.model, opset=order.opset, max_ir=request.max_ir, where=order.source)
        tell("comparing with the source")
        parity = prove(request, source, model, facts)
    report = ConvertReport(
        source=order.source,
        source_sha256=digest,
        framework=source.framework,
        versions=facts.versions,
        exporter=exported.exporter,
        fallbacks=exported.fallbacks,
        preprocess=facts.preprocess,
        labels=facts.labels,
        parity=parity,
        notes=facts.notes,
    )
    report, content = _written(report, model)
    require_parity(report)
    files.write_bytes(out, content)
    return report


def require_parity(report: ConvertReport) -> None:
    """Check that a converted model computes what its source does.

    Raises:
        GateError: It does not; the message names the first layer that diverges.
    """
    if report.parity.failure:
        first = f" (first diverges at {report.parity.first})" if report.parity.first else ""
        raise GateError(
            f"{report.source}: {report.parity.failure}{first}",
            hint="nothing is written; --min-snr-db and --min-same say how far it may be, if that is what you want",
        )


def _with_the_users(stated: SourceFacts, request: ConvertRequest) -> SourceFacts:
    """Return what is known: what the user says goes before what the source states."""
    return replace(stated, preprocess=request.preprocess or stated.preprocess, labels=request.labels or stated.labels)


def _written(report: ConvertReport, model: Model) -> tuple[ConvertReport, bytes]:
    """Return the model with its origin in its metadata, serialized, and the report with what it has become."""
    stated = {metadata.PREPROCESS: report.preprocess, metadata.LABELS: report.labels}
    declare(model, {metadata.ORIGIN: report.origin(), **{key: value for key, value in stated.items() if value}})
    content = model.SerializeToString()
    written = replace(
        report,
        model_sha256=files.sha256_hex(content),
        model_bytes=len(content),
        opset=opset_of(model),
        ir=int(model.ir_version),
        inputs=specs_of(model.graph.input),
        outputs=specs_of(model.graph.output),
    )
    return written, content
