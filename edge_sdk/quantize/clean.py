"""From an ONNX file to a graph that can be quantized: checked, static, folded.

- What is wrong with a file is told before any time is spent on it.
- Initializers are no inputs; free sizes are fixed; the operator set is one that has per-axis Q/DQ (13) and that the
  board loads.
- Constants are folded, BatchNorm goes into the convolution before it, dead nodes and identities go (onnxruntime's basic
  optimizer, which writes plain ONNX).
- What has no integer kernel takes a form that has one, where there is one (`edge_sdk.quantize.rewrites`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_sdk.errors import InputError
from edge_sdk.files import unreadable
from edge_sdk.quantize.graph import Graph, Model, inner_nodes
from edge_sdk.quantize.rewrites import rewrite_for_integers, write_out_activations

LEAST_OPSET = 13
"""The first operator set whose QuantizeLinear has an axis, which per-channel weights need."""
_MAX_MODEL_BYTES = (1 << 31) - 1

Shapes = Mapping[str, tuple[int, ...]]


def load_model(path: Path) -> Model:
    """Read an ONNX file, with its external data, and check it.

    Raises:
        InputError: It is not there, is not ONNX, is truncated, or breaks the rules of ONNX.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        if path.stat().st_size > _MAX_MODEL_BYTES:
            raise InputError(f"{path}: expected a model below 2 GiB, got {path.stat().st_size} bytes")
        model = onnx.load(path, format="protobuf")
    except OSError as exc:
        raise unreadable(path, exc) from exc
    except (DecodeError, onnx.checker.ValidationError, ValueError) as exc:
        raise InputError(
            f"{path}: expected an ONNX model, got a file that cannot be read as one ({_short(exc)})"
        ) from exc
    if not model.graph.node or not model.opset_import:
        missing = "operators" if model.opset_import else "an operator set"
        raise InputError(f"{path}: expected an ONNX model, got one without {missing}")
    _check(model, path)
    return model


def clean_model(model: Model, *, where: str, max_opset: int, shapes: Shapes | None = None) -> Model:
    """Return the model static, folded and on an operator set that can be quantized and loaded by the board.

    Args:
        model: What `load_model` returned; it is not changed.
        where: What messages call it.
        max_opset: The newest operator set that the board loads.
        shapes: Sizes of inputs whose sizes are free; a free first axis is 1 without being told.

    Raises:
        InputError: The operator set cannot be converted, or a free size is not told.
    """
    import onnx
    from onnx.inliner import inline_local_functions

    fixed = onnx.ModelProto()
    fixed.CopyFrom(inline_local_functions(model) if model.functions else model)  # the version converter loses functions
    _merge_operator_sets(fixed)
    _drop_constant_inputs(fixed)
    fixed = _convert_opset(write_out_activations(fixed), where=where, max_opset=max_opset)
    _fix_sizes(fixed, shapes or {}, where)
    folded = _fold(fixed, where)
    _name_nodes(folded)
    folded = rewrite_for_integers(onnx.shape_inference.infer_shapes(folded, data_prop=True))
    _name_nodes(folded)
    _keep_used(folded)
    folded.ir_version = onnx.helper.find_min_ir_version_for(folded.opset_import, ignore_unknown=True)
    return folded


def with_opset(graph: Graph, least: int) -> Graph:
    """Return a cleaned graph on an operator set that is no older than `least`.

    Raises:
        InputError: It cannot be converted.
    """
    import onnx

    if graph.opset >= least:
        return graph
    refusal = f"model: expected operator set {least} or newer, got {graph.opset}"
    raised = _to_opset(graph.model, least, refusal, f"export the model again with opset {least}")
    _name_nodes(raised)
    raised.ir_version = onnx.helper.find_min_ir_version_for(raised.opset_import, ignore_unknown=True)
    return Graph(onnx.shape_inference.infer_shapes(raised, data_prop=True))


def _check(model: Model, path: Path) -> None:
    import onnx

    newest = onnx.defs.onnx_opset_version()
    for entry in model.opset_import:
        if entry.domain in {"", "ai.onnx"} and entry.version > newest:
            raise InputError(
                f"{path}: expected operator set {newest} or older, got {entry.version}",
                hint="export the model with an older opset, such as 17",
            )
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as exc:  # a ValueError beyond 2 GiB of external data
        raise InputError(f"{path}: expected a valid ONNX model, got: {_short(exc)}") from exc


def _merge_operator_sets(model: Model) -> None:
    """Leave one entry a domain, the newest: exporters write some twice, and the version converter changes one only."""
    newest: dict[str, int] = {}
    for entry in model.opset_import:
        newest[entry.domain] = max(newest.get(entry.domain, 0), entry.version)
    del model.opset_import[:]
    for domain, version in newest.items():
        model.opset_import.add(domain=domain, version=version)


def _drop_constant_inputs(model: Model) -> None:
    constants = {tensor.name for tensor in model.graph.initializer}
    kept = [value for value in model.graph.input if value.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(kept)


def _convert_opset(model: Model, *, where: str, max_opset: int) -> Model:
    import onnx

    opset = max((entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}), default=0)
    wanted = min(max(opset, LEAST_OPSET), max_opset)
    if not opset:  # operators of other domains only; onnxruntime would write the newest set that it knows
        model.opset_import.append(onnx.helper.make_opsetid("", wanted))
    if opset in (wanted, 0):
        return model
    hint = f"export the model again with opset {min(17, max_opset)}"
    return _to_opset(model, wanted, f"{where}: expected operator set {LEAST_OPSET} to {max_opset}, got {opset}", hint)


def _to_opset(model: Model, wanted: int, refusal: str, hint: str) -> Model:
    import onnx

    try:
        return onnx.version_converter.convert_version(model, wanted)
    except (RuntimeError, ValueError, onnx.version_converter.ConvertError, onnx.checker.ValidationError) as exc:
        raise InputError(f"{refusal}, which cannot be converted: {_short(exc)}", hint=hint) from exc


def _fix_sizes(model: Model, shapes: Shapes, where: str) -> None:
    inputs = {value.name: value.type.tensor_type.shape.dim for value in model.graph.input}
    unknown = sorted(set(shapes) - set(inputs))
    if unknown:
        raise InputError(f"{where}: expected a shape for one of its inputs ({', '.join(inputs)}), got {unknown[0]}")
    for name, dims in inputs.items():
        told = shapes.get(name, (None,) * len(dims))
        if len(told) != len(dims):
            raise InputError(f"{where}: expected {len(dims)} sizes for {name}, got {len(told)}")
        for axis, (dim, size) in enumerate(zip(dims, told, strict=True)):
            dim.dim_value = _fixed_size(dim, size, axis, f"{where}: expected {{}} of {name} axis {axis}")
    for value in [*model.graph.output, *model.graph.value_info]:
        for dim in value.type.tensor_type.shape.dim:
            if dim.HasField("dim_param"):
                dim.ClearField("dim_param")


def _fixed_size(dim: Any, told: int | None, axis: int, message: str) -> int:
    own = int(dim.dim_value) if dim.HasField("dim_value") else 0
    if told is not None and told < 1:
        raise InputError(f"{message.format('a size of 1 or more')}, got {told}")
    if own > 0:
        if told not in (None, own):
            raise InputError(f"{message.format(f'size {own}')}, got {told}")
        return own
    if told is None and axis > 0:
        raise InputError(
            f"{message.format('the size')} ({dim.dim_param or 'free'}), got nothing",
            hint="give all sizes of the input, such as --input-shape NAME=1x3x224x224",
        )
    return told or 1


def _fold(model: Model, where: str) -> Model:
    """Run onnxruntime's basic optimizer."""
    import onnx
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    refusals = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.NotImplemented, state.RuntimeException)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        try:
            onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        except refusals as exc:
            raise InputError(f"{where}: expected a model that onnxruntime can load, got {_short(exc)}") from exc
        return onnx.load(options.optimized_model_filepath)


def _name_nodes(model: Model) -> None:
    """Give each node a name of its own, and drop what exporters wrote beside it (stack traces, for one)."""
    used: set[str] = set()
    for index, node in enumerate(model.graph.node):
        name = node.name or f"{node.op_type}_{index}"
        while name in used:
            name += "_"
        node.name = name
        used.add(name)
        node.ClearField("doc_string")
        node.ClearField("metadata_props")


def _keep_used(model: Model) -> None:
    """Drop operator sets that no operator is of, and what exporters wrote about the model."""
    nodes = [inner for node in model.graph.node for inner in (node, *inner_nodes(node))]
    used = {node.domain for node in nodes} | {""}
    kept = {entry.domain: entry for entry in model.opset_import if entry.domain in used}
    del model.opset_import[:]
    model.opset_import.extend(kept.values())
    del model.functions[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    model.ClearField("doc_string")
    model.graph.ClearField("doc_string")
    model.graph.name = "main"
    model.producer_name, model.producer_version = "edge-sdk", ""


def _short(exc: Exception) -> str:
    lines = str(exc).strip().splitlines() or [type(exc).__name__]
    return lines[0][:200]
