"""Who is measured: edge-sdk for two families of boards, and the peers with the ways that each has of quantizing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["edge-sdk", "onnx", "runtime", "float"]


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the tables.

    Attributes:
        name: What the tables call it.
        kind: `edge-sdk` ours, `onnx` a peer that gives int8 ONNX for onnxruntime, `runtime` int8 for its own runtime,
            `float` another runtime that computes in float, for comparison.
        module: The peer's module in scripts.benchmarks.peers; for edge-sdk, the board.
        method: Which of its ways.
        environment: Its environment: benchmarks/peers/NAME.txt.
        package: The package whose version the page names.
    """

    name: str
    kind: Kind
    module: str
    method: str
    environment: str = ""
    package: str = ""

    @property
    def key(self) -> str:
        """Its name as a file name, and as `--peers` takes it."""
        words = "".join(letter if letter.isalnum() else " " for letter in self.name.lower()).split()
        return "-".join(words)

    @property
    def server(self) -> tuple[str, str]:
        """The module that serves its files, and the environment of that."""
        own = self.kind in {"runtime", "float"}
        return (self.module, self.environment) if own else ("onnx_session", "")


PUBLISHED = "published"
"""A file that the model's makers quantized: measured where the tables name one."""

_ORT = ("onnxruntime", "onnxruntime")
_NNCF = ("nncf", "nncf")
_INC = ("neural_compressor", "onnx-neural-compressor")
_MNN = ("mnn", "mnn")
_NCNN = ("ncnn", "ncnn")
_LITERT = ("litert", "ai-edge-litert")

PEERS: tuple[Contender, ...] = (
    Contender("quantize_static", "onnx", "onnxruntime_static", "defaults", *_ORT),
    Contender("quantize_static, U8S8 per channel", "onnx", "onnxruntime_static", "u8s8", *_ORT),
    Contender("quantize_static, best by hand", "onnx", "onnxruntime_static", "best", *_ORT),
    Contender("NNCF on ONNX", "onnx", "nncf_onnx", "int8", *_NNCF),
    Contender("NNCF on ONNX, accuracy control", "onnx", "nncf_onnx", "accuracy control", *_NNCF),
    Contender("onnx-neural-compressor", "onnx", "neural_compressor", "defaults", *_INC),
    Contender("onnx-neural-compressor, autotune", "onnx", "neural_compressor", "autotune", *_INC),
    Contender("OpenVINO int8", "runtime", "nncf_openvino", "int8", "nncf", "openvino"),
    Contender("OpenVINO int8, accuracy control", "runtime", "nncf_openvino", "accuracy control", "nncf", "openvino"),
    Contender("LiteRT int8 (onnx2tf)", "runtime", "litert", "int8", *_LITERT),
    Contender("LiteRT int8 (as published)", "runtime", "litert", PUBLISHED, *_LITERT),
    Contender("MNN int8", "runtime", "mnn", "int8", *_MNN),
    Contender("MNN int8 weights", "float", "mnn", "weights", *_MNN),
    Contender("ncnn int8", "runtime", "ncnn", "int8", *_NCNN),
    Contender("OpenVINO float", "float", "nncf_openvino", "float", "nncf", "openvino"),
    Contender("MNN float", "float", "mnn", "float", *_MNN),
    Contender("ncnn float (fp16 weights)", "float", "ncnn", "float", *_NCNN),
)


def edge_sdk_for(*boards: str) -> tuple[Contender, ...]:
    """Return ours, one for each board; the first is the machine that measures."""
    return tuple(Contender(f"edge-sdk for {board}", "edge-sdk", board, "quantize") for board in boards)
