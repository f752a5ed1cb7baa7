"""The engines that parity compares: one file an engine here, and one line in the table.

An engine's file has two functions, and imports nothing of edge-sdk but what runs in edge-sdk's own environment:

    def versions() -> dict[str, str]        the packages that compute, and their versions
    def open_model(order: Order) -> Run     a model, opened for inputs of certain shapes

`Run` takes the inputs by name and returns the outputs by name. What the engine cannot do it raises, in one line: it
becomes a cell of the matrix. Each engine runs in a child process (`child.py`), in its own environment where it has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine.

    Attributes:
        file: Its file in this folder, without `.py`.
        module: What must be importable where it runs.
        install: What pip installs there.
        mode: Which of the ways of its file.
        own: Whether it runs in edge-sdk's own environment only.
    """

    file: str
    module: str
    install: str
    mode: str = ""
    own: bool = False


ORACLE = "reference"
"""What all others are compared with: the operators as the ONNX project wrote them down, in NumPy."""
NEXT_ORACLE = "onnxruntime-plain"
"""What is compared with where the oracle cannot run a model."""

ENGINES: Mapping[str, Engine] = {
    ORACLE: Engine("reference", "onnx", "onnx", own=True),
    "onnxruntime": Engine("onnxruntime", "onnxruntime", "onnxruntime", own=True),
    NEXT_ORACLE: Engine("onnxruntime", "onnxruntime", "onnxruntime", mode="plain", own=True),
    "onnxruntime-arm-plan": Engine("onnxruntime", "onnxruntime", "onnxruntime", mode="arm-plan", own=True),
    "opencv": Engine("opencv", "cv2", "opencv-python-headless"),
    "openvino": Engine("openvino", "openvino", "openvino"),
    "tvm": Engine("tvm", "tvm", "apache-tvm onnx"),
    "torch": Engine("torch", "onnx2torch", "onnx2torch"),
    "ncnn": Engine("ncnn", "ncnn", "ncnn pnnx"),
    "mnn": Engine("mnn", "MNN", "MNN"),
    "litert": Engine("litert", "onnx2tf", "onnx2tf ai-edge-litert"),
}
"""The engines by name."""
