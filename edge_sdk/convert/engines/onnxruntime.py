"""onnxruntime, as edge-sdk opens it: with its optimizations, without any, or the graph that an ARM board runs."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_sdk.session import arm_config, host_config, open_session, runtime_version, save_plan

if TYPE_CHECKING:
    from edge_sdk.convert.engines.child import Order, Run

_ROUNDS = b"QuantizeLinear"


def versions() -> dict[str, str]:
    """Return the version of onnxruntime."""
    return {"onnxruntime": runtime_version()}


def open_model(order: Order) -> Run:
    """Open a model with optimizations, `plain` without any, `arm-plan` as an ARM board would execute it."""
    if order.mode == "plain":
        return open_session(order.model, replace(host_config(), optimized=False), where=order.model.name).run
    if order.mode != "arm-plan":
        return open_session(order.model, host_config(), where=order.model.name).run
    if host_config().entries and _ROUNDS in order.model.read_bytes():
        # int8 products saturate here, and a plan that is fused already cannot be told to avoid that
        return open_session(order.model, arm_config(), where=order.model.name).run
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "plan.onnx"
        save_plan(order.model.read_bytes(), plan, where=order.model.name)
        return open_session(plan.read_bytes(), arm_config(), where=f"{order.model.name} as for ARM").run
