"""TVM: ONNX imported into Relax and compiled for this CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_sdk.convert.engines.child import Feed, Order, Run


def versions() -> dict[str, str]:
    """Return the versions of TVM and of the ONNX that it reads with."""
    import onnx
    import tvm

    return {"tvm": str(tvm.__version__), "onnx": str(onnx.__version__)}


def open_model(order: Order) -> Run:
    """Compile a model for inputs of these shapes."""
    import onnx
    import tvm
    from tvm import relax
    from tvm.relax.frontend.onnx import from_onnx

    graph = onnx.load(order.model)
    module = from_onnx(graph, shape_dict={name: list(array.shape) for name, array in order.feed.items()})
    compiled = tvm.compile(module, target="llvm")
    machine = relax.VirtualMachine(compiled, tvm.cpu())
    inputs = [entry.name for entry in graph.graph.input]

    def run(values: Feed) -> Feed:
        given = [tvm.runtime.tensor(values[name]) for name in inputs]
        results = machine["main"](*given)
        found = [results] if len(order.outputs) == 1 and hasattr(results, "numpy") else list(results)
        return {name: array.numpy() for name, array in zip(order.outputs, found, strict=True)}

    return run
