"""MNN on the CPU, by its own converter, in full precision.

The converter is called without its Python command line, which installs a package and reports each use to its maker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from edge_sdk.convert.engines.child import Feed, Order, Run


def versions() -> dict[str, str]:
    """Return MNN's version."""
    from importlib.metadata import version

    return {"mnn": version("MNN")}


def open_model(order: Order) -> Run:
    """Convert a model and open what came out, as a module: MNN's sessions give zeros for graphs with branches.

    Raises:
        ValueError: The converter made no file.
    """
    import _tools
    import MNN.expr
    import MNN.nn

    made = order.model.with_suffix(".mnn")
    told = ["mnnconvert", "-f", "ONNX", "--modelFile", str(order.model), "--MNNModel", str(made), "--bizCode", "parity"]
    _tools.mnnconvert(told)
    if not made.is_file():
        raise ValueError("mnnconvert made no file")
    settings = {"precision": MNN.expr.PrecisionMode.High, "num_threads": 1}
    runtime = MNN.nn.create_runtime_manager((settings,))
    module = MNN.nn.load_module_from_file(
        str(made), list(order.feed), list(order.outputs), dynamic=False, shape_mutable=False, runtime_manager=runtime
    )

    def run(values: Feed) -> Feed:
        given = [_variable(values[name]) for name in order.feed]
        return {name: _array(value) for name, value in zip(order.outputs, module.onForward(given), strict=True)}

    def _variable(array: np.ndarray) -> Any:
        kind = MNN.expr.float if array.dtype == np.float32 else MNN.expr.int
        narrow = array if array.dtype == np.float32 else array.astype(np.int32)
        return MNN.expr.const(narrow, list(array.shape), MNN.expr.NCHW, kind)

    def _array(value: Any) -> np.ndarray:
        plain = MNN.expr.convert(value, MNN.expr.NCHW)
        return np.array(plain.read()).reshape(plain.shape)

    return run
