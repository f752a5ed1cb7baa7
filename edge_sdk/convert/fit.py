"""The exported model in the form that boards load: its operator set and IR version, and what it says of its origin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edge_sdk import records
from edge_sdk.convert.record import LEAST_OPSET
from edge_sdk.errors import InputError

Model = Any
_OWN = frozenset({"", "ai.onnx"})


def fit_model(model: bytes, *, opset: int, max_ir: int, where: str) -> Model:
    """Return the model in an operator set and an IR version that boards load.

    Args:
        model: The serialized model.
        opset: The newest operator set of ai.onnx.
        max_ir: The newest IR version.
        where: What messages call it.

    Raises:
        InputError: It is no valid model, or cannot be brought to what boards load.
    """
    import onnx

    loaded = onnx.load_from_string(model)
    try:
        onnx.checker.check_model(loaded)
    except onnx.checker.ValidationError as exc:
        raise InputError(f"{where}: expected a valid ONNX model from the exporter, got: {_short(exc)}") from exc
    got = opset_of(loaded)
    if got > opset or 0 < got < LEAST_OPSET:
        loaded = _converted(loaded, opset if got > opset else LEAST_OPSET, where)
    least_ir = int(onnx.helper.find_min_ir_version_for(loaded.opset_import, ignore_unknown=True))
    loaded.ir_version = max(least_ir, min(loaded.ir_version, max_ir))
    if least_ir > max_ir:
        raise InputError(
            f"{where}: expected ONNX IR version {max_ir} or older, got {least_ir} for operator set {opset_of(loaded)}",
            hint="choose an older one: --opset 17",
        )
    return loaded


def opset_of(model: Model) -> int:
    """Return the operator set of ai.onnx; 0 where only operators of other domains are used."""
    return max((int(entry.version) for entry in model.opset_import if entry.domain in _OWN), default=0)


def declare(model: Model, facts: Mapping[str, object]) -> None:
    """Write facts about the model into its metadata, as JSON, over those of the same names."""
    kept = [(entry.key, entry.value) for entry in model.metadata_props if entry.key not in facts]
    del model.metadata_props[:]
    told = [
        (key, json.dumps(records.to_data(value), ensure_ascii=False, sort_keys=True)) for key, value in facts.items()
    ]
    for key, value in (*kept, *told):
        model.metadata_props.add(key=key, value=value)


def _converted(model: Model, wanted: int, where: str) -> Model:
    import onnx
    from onnx.inliner import inline_local_functions

    try:
        plain = inline_local_functions(model) if model.functions else model  # the version converter loses functions
        converted = onnx.version_converter.convert_version(plain, wanted)
        _tidy_reductions(converted)
        onnx.checker.check_model(converted)
        return converted
    except (RuntimeError, ValueError, onnx.version_converter.ConvertError, onnx.checker.ValidationError) as exc:
        raise InputError(
            f"{where}: expected operator set {wanted}, got {opset_of(model)}, which cannot be converted: {_short(exc)}",
            hint=f"take --opset {opset_of(model)} where the board loads it",
        ) from exc


def _tidy_reductions(model: Model) -> None:
    """Take from reductions the attribute of operator set 18 that the converter leaves; it says nothing beside axes."""
    for node in model.graph.node:
        told = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type != "ReduceSum" and {"axes", "noop_with_empty_axes"} <= told.keys():
            node.attribute.remove(told["noop_with_empty_axes"])


def _short(exc: Exception) -> str:
    lines = str(exc).strip().splitlines() or [type(exc).__name__]
    return lines[0][:200]
