"""MNN on the CPU, by its own converter, in full precision.

The converter is called without its Python command line, which installs a package and reports each use to its maker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from edge_sdk.convert.engines.child import Feed, Order, Run


def versions() -> dict[str, str]:
    """Return MNN's version."""
    from importlib.metadata import version

    return {"mnn": version("MNN")}


def open_model(order: Order) -> Run:
    """Convert a model and open what came out.

    Raises:
        ValueError: The converter made no file.
    """
    import _tools
    import MNN

    model, feed = order.model, order.feed
    made = model.with_suffix(".mnn")
    told = ["mnnconvert", "-f", "ONNX", "--modelFile", str(model), "--MNNModel", str(made), "--bizCode", "parity"]
    _tools.mnnconvert(told)
    if not made.is_file():
        raise ValueError("mnnconvert made no file")
    interpreter = MNN.Interpreter(str(made))
    session = interpreter.createSession({"backend": "CPU", "numThread": 1, "precision": "high"})
    inputs = interpreter.getSessionInputAll(session)
    for name, array in feed.items():
        interpreter.resizeTensor(inputs[name], array.shape)
    interpreter.resizeSession(session)
    outputs = interpreter.getSessionOutputAll(session)
    types = {np.dtype(np.float32): MNN.Halide_Type_Float, np.dtype(np.int32): MNN.Halide_Type_Int}

    def run(values: Feed) -> Feed:
        for name, array in values.items():
            narrow = array.astype(np.int32) if array.dtype == np.int64 else array
            kind = types[narrow.dtype]
            inputs[name].copyFrom(MNN.Tensor(array.shape, kind, narrow, MNN.Tensor_DimensionType_Caffe))
        interpreter.runSession(session)
        return {name: _array(tensor) for name, tensor in outputs.items()}

    def _array(tensor: MNN.Tensor) -> np.ndarray:
        shape, kind = tensor.getShape(), tensor.getDataType()
        dtype = np.int32 if kind == MNN.Halide_Type_Int else np.float32
        host = MNN.Tensor(shape, kind, np.zeros(shape, dtype), MNN.Tensor_DimensionType_Caffe)
        tensor.copyToHostTensor(host)
        return np.array(host.getData(), dtype).reshape(shape)

    return run
