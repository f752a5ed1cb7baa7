"""What is compared: a model file, or each variant of a package with what the package says about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edge_sdk.convert.parity.agreement import task_of
from edge_sdk.convert.parity.graph import Model, fix_sizes, read_model, specs_of
from edge_sdk.convert.parity.inputs import Inputs, random_inputs, read_inputs
from edge_sdk.convert.parity.numbers import Tolerance
from edge_sdk.convert.parity.request import ParityRequest
from edge_sdk.files import sha256_of_file
from edge_sdk.package import ModelPackage, open_package
from edge_sdk.preprocess import Preprocess
from edge_sdk.tasks import ModelFacts, Task, build_task
from edge_sdk.tensors import TensorSpec

_FLOAT = "fp32"
PACKAGE_SUFFIX = ".edge"


@dataclass(frozen=True, slots=True)
class Opened:
    """A model, ready to be compared.

    Attributes:
        variant: The family in the package; empty for a model file.
        sha256: SHA-256 of the ONNX file.
        model: The model, with fixed sizes.
        inputs: What all engines are given.
        task: What it is for; None where that is not known.
        tolerance: How far outputs may be from the oracle's.
    """

    variant: str
    sha256: str
    model: Model
    inputs: Inputs
    task: Task | None
    tolerance: Tolerance


def open_subjects(request: ParityRequest) -> tuple[str, tuple[Opened, ...]]:
    """Return the SHA-256 of the file, and the models that are compared.

    Raises:
        InputError: The file is no model or package, or the inputs do not fit it.
        TrustError: The package is not what its manifest says.
    """
    if request.model.suffix.lower() == PACKAGE_SUFFIX:
        package = open_package(request.model)
        return package.digest, tuple(_variants(request, package))
    model = fix_sizes(read_model(request.model), request.shapes, where=str(request.model))
    specs, outputs = specs_of(model.graph.input), specs_of(model.graph.output)
    preprocess = request.preprocess or Preprocess()
    digest, task = sha256_of_file(request.model), _told_task(request, preprocess, specs, outputs)
    inputs = _inputs(request, specs, preprocess)
    return digest, (Opened("", digest, model, inputs, task, request.tolerance),)


def _variants(request: ParityRequest, package: ModelPackage) -> Iterator[Opened]:
    """Yield each variant; those in integers are held to what the package promises of a board."""
    import onnx

    task = build_task(package.manifest.task)
    for family, variant in sorted(package.manifest.variants.items()):
        where = f"{request.model}: {variant.model.name}"
        model = fix_sizes(onnx.load_from_string(package.read(variant.model)), request.shapes, where=where)
        preprocess = request.preprocess or variant.preprocess or package.manifest.preprocess
        inputs = _inputs(request, specs_of(model.graph.input), preprocess)
        promised = replace(request.tolerance, relative=None, min_snr_db=variant.min_snr_db, steps=True)
        tolerance = request.tolerance if family == _FLOAT else promised
        yield Opened(family, variant.model.sha256, model, inputs, task, tolerance)


def _inputs(request: ParityRequest, specs: tuple[TensorSpec, ...], preprocess: Preprocess) -> Inputs:
    if request.inputs is not None:
        return read_inputs(request.inputs, specs, preprocess, most=request.samples)
    return random_inputs(specs, preprocess, count=request.samples, seed=request.seed)


def _told_task(
    request: ParityRequest, preprocess: Preprocess, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]
) -> Task | None:
    """Return the task that was told, or the one that the outputs tell; numbers alone are compared where none is."""
    facts = ModelFacts(
        inputs=inputs,
        outputs=outputs,
        labels=0,
        kind=request.task,
        head=request.head,
        input_wh=preprocess.image.size_wh if preprocess.image else None,
        exporter="",
        joints=None,
    )
    return task_of(facts)
