"""The float model, opened: cleaned, and with what is declared about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_sdk.errors import InputError
from edge_sdk.preprocess import Preprocess
from edge_sdk.quantize.clean import clean_model, load_model
from edge_sdk.quantize.declare import (
    ImageFlags,
    class_names_from_metadata,
    exporter_from_metadata,
    joints_from_metadata,
    preprocess_from_flags,
    preprocess_from_metadata,
)
from edge_sdk.quantize.graph import Graph, Model, tensor_specs
from edge_sdk.quantize.measure import open_float
from edge_sdk.quantize.request import QuantRequest
from edge_sdk.session import host_config, open_session
from edge_sdk.tasks import ModelFacts, TaskSpec, tell_task
from edge_sdk.tensors import Tensors, TensorSpec, snr_db

_LEAST_SNR_DB = 50.0


@dataclass(frozen=True, slots=True)
class Source:
    """The float model.

    Attributes:
        files: Its file, and those into which an exporter put its weights.
        graph: Its cleaned graph.
        inputs: What it takes.
        outputs: What it gives.
        class_names: Names of its classes by index, empty if unknown.
        preprocess: What turns samples into its inputs.
        task: What it is for.
    """

    files: tuple[Path, ...]
    graph: Graph
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    class_names: tuple[str, ...]
    preprocess: Preprocess
    task: TaskSpec


def open_source(request: QuantRequest) -> Source:
    """Read and clean the model of a request.

    Raises:
        InputError: The file is not a model that can be used, or what is declared does not fit it.
    """
    original = load_model(request.model)
    max_opset = min(profile.system.max_opset for profile in request.profiles)
    graph = Graph(clean_model(original, where=str(request.model), max_opset=max_opset, shapes=request.shapes))
    inputs, outputs = tensor_specs(graph.model.graph.input), tensor_specs(graph.model.graph.output)
    for spec in (*inputs, *outputs):
        if spec.dtype == "object":
            raise InputError(f"{request.model}: expected tensors of numbers, got {spec.name} of text")
    if isinstance(request.preprocess, ImageFlags):
        preprocess = preprocess_from_flags(request.preprocess, inputs)
    else:
        preprocess = request.preprocess or preprocess_from_metadata(original, inputs) or Preprocess()
    source = Source(
        files=_files_of(request.model),
        graph=graph,
        inputs=inputs,
        outputs=outputs,
        class_names=request.class_names or class_names_from_metadata(original),
        preprocess=preprocess,
        task=TaskSpec("tensor"),
    )
    return replace(source, task=tell_task(_facts(request, original, source)))


def _facts(request: QuantRequest, original: Model, told: Source) -> ModelFacts:
    image = told.preprocess.image
    return ModelFacts(
        inputs=told.inputs,
        outputs=told.outputs,
        labels=len(told.class_names),
        kind=request.task,
        head=request.head,
        input_wh=image.size_wh if image else None,
        exporter=exporter_from_metadata(original),
        joints=joints_from_metadata(original),
    )


def _files_of(path: Path) -> tuple[Path, ...]:
    import onnx

    tensors = onnx.load(path, format="protobuf", load_external_data=False).graph.initializer
    apart = {entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"}
    return (path, *(path.parent / name for name in sorted(apart)))


def check_cleaned(request: QuantRequest, source: Source, sample: Tensors) -> None:
    """Check that the cleaned graph computes what the file computes, on one sample.

    Raises:
        InputError: It does not, or what the file computes is not a number.
    """
    where = str(request.model)
    ours = open_float(source.graph).run(sample)
    for name, values in open_session(request.model, host_config(), where=where).run(sample).items():
        if not np.isfinite(values).all():
            raise InputError(
                f"{where}: expected finite numbers in {name}, got NaN or infinite",
                hint="check the preprocessing: divisor, mean and std",
            )
        ratio = snr_db(values, ours[name]) if values.dtype.kind == "f" else _LEAST_SNR_DB
        if ratio < _LEAST_SNR_DB:
            raise InputError(
                f"{where}: expected the folded model to compute the same, got {name} at {ratio:.0f} dB",
                hint="export the model with a newer opset, such as 17",
            )
