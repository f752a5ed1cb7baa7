"""PyTorch on the CPU, by onnx2torch's modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_sdk.convert.engines.child import Feed, Order, Run


def versions() -> dict[str, str]:
    """Return the versions of PyTorch and onnx2torch."""
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "onnx2torch")}


def open_model(order: Order) -> Run:
    """Convert a model into a module."""
    import onnx
    import torch
    from onnx2torch import convert

    graph = onnx.load(order.model)
    inputs = [entry.name for entry in graph.graph.input]
    module = convert(graph).eval()

    def run(values: Feed) -> Feed:
        with torch.inference_mode():
            results = module(*(torch.from_numpy(values[name]) for name in inputs))
        found = [results] if len(order.outputs) == 1 else list(results)
        return {name: tensor.numpy() for name, tensor in zip(order.outputs, found, strict=True)}

    return run
