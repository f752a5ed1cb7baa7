"""The oracle: ONNX's ReferenceEvaluator, which computes operator by operator in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_sdk.convert.engines.child import Feed, Order, Run

_FIRST_BATCH_NORM = 14
"""The oldest operator set whose BatchNormalization the evaluator gets right: where the file gives a momentum, that of 9
to 13 takes the statistics of the batch, as in training."""
_FIRST_DEQUANTIZE = 19
"""The oldest operator set whose DequantizeLinear the evaluator has; older ones are the same with fewer types."""


def versions() -> dict[str, str]:
    """Return the versions of the operators and of what they compute with."""
    import numpy as np
    import onnx

    return {"onnx": str(onnx.__version__), "numpy": np.__version__}


def open_model(order: Order) -> Run:
    """Open a model."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    model = onnx.load(order.model)
    evaluator = ReferenceEvaluator(model, new_ops=mended_operators(model))
    names = list(evaluator.output_names)

    def run(values: Feed) -> Feed:
        return dict(zip(names, evaluator.run(None, dict(values)), strict=True))

    return run


def mended_operators(model: Any) -> list[Any]:
    """Return operators that the evaluator lacks or gets wrong for this model's operator set."""
    from onnx.reference.ops.op_batch_normalization import BatchNormalization_14
    from onnx.reference.ops.op_dequantize_linear import _CommonDequantizeLinear

    opset = max(entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"})
    mended: dict[str, tuple[int, Any]] = {
        "BatchNormalization": (_FIRST_BATCH_NORM, BatchNormalization_14),
        "DequantizeLinear": (_FIRST_DEQUANTIZE, _CommonDequantizeLinear),
    }
    return [type(name, (ours,), {"op_domain": ""}) for name, (first, ours) in mended.items() if opset < first]
