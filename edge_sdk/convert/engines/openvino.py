"""OpenVINO on the CPU, in float32: it would take bfloat16 or float16 where the processor has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from edge_sdk.convert.engines.child import Feed, Order, Run


def versions() -> dict[str, str]:
    """Return OpenVINO's version."""
    import openvino

    return {"openvino": str(openvino.__version__).split("-")[0]}


def open_model(order: Order) -> Run:
    """Open a model."""
    import openvino

    compiled = openvino.Core().compile_model(str(order.model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(values: Feed) -> Feed:
        results = compiled(dict(values))
        return {name: np.array(results[port]) for port in compiled.outputs for name in port.get_names()}

    return run
