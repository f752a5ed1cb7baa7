"""MNN: its converter (float, or weights in int8), its int8 quantizer, and its runtime.

The C++ tools are called without their Python command lines: those install a logging library with the first `pip` that
they find, wherever that may lead, and report each use to their maker.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import _tools
import MNN
import numpy as np

from scripts.benchmarks.peers.exchange import Answer, Feed, Request, Run, count_feeds, read_feeds, run_peer


def quantize(request: Request) -> Answer:
    """Convert and quantize as the method says."""
    folder = Path(request.folder)
    match request.method:
        case "float":
            return Answer(_convert(request, folder / "model.mnn"), "mnnconvert")
        case "weights":
            made = _convert(request, folder / "model.mnn", "--weightQuantBits", "8")
            return Answer(made, "mnnconvert, weights in int8")
    plain, file = _convert(request, folder / "float.mnn"), folder / "model.mnn"
    settings = {
        "path": str(_write_samples(request, folder / "samples")),
        "used_sample_num": count_feeds(request.calibration),
        "feature_quantize_method": "KL",
        "weight_quantize_method": "MAX_ABS",
        "batch_size": 1,
        "input_type": "sequence",
    }
    (folder / "quantize.json").write_text(json.dumps(settings))
    _tools.mnnquant(plain, str(file), str(folder / "quantize.json"))
    shutil.rmtree(folder / "samples")
    if not file.is_file():
        raise RuntimeError("mnnquant: made no file")
    return Answer(str(file), "mnnquant, KL")


def _convert(request: Request, to: Path, *options: str) -> str:
    """Convert from ONNX."""
    told = ["mnnconvert", "-f", "ONNX", "--modelFile", request.model, "--MNNModel", str(to), "--bizCode", "bench"]
    _tools.mnnconvert([*told, *options])
    if not to.is_file():
        raise RuntimeError("mnnconvert: made no file")
    return str(to)


def _write_samples(request: Request, folder: Path) -> Path:
    """Write the calibration samples as MNN's quantizer reads them: a folder a sample, numbers as text."""
    for i, feed in enumerate(read_feeds(request.calibration)):
        one = folder / f"input_{i:06d}"
        one.mkdir(parents=True)
        shapes = [{"name": name, "shape": list(values.shape)} for name, values in feed.items()]
        (one / "input.json").write_text(json.dumps({"inputs": shapes}))
        for name, values in feed.items():
            np.savetxt(one / f"{name}.txt", values.reshape(1, -1), fmt="%.7g")
    return folder


def open_file(path: Path, request: Request) -> Run:
    """Open an MNN file."""
    first = next(read_feeds(request.evaluation))
    interpreter = MNN.Interpreter(str(path))
    session = interpreter.createSession({"backend": "CPU", "numThread": request.threads})
    inputs = interpreter.getSessionInputAll(session)
    for name, values in first.items():
        interpreter.resizeTensor(inputs[name], values.shape)
    interpreter.resizeSession(session)
    outputs = interpreter.getSessionOutputAll(session)

    def run(feed: Feed) -> list[np.ndarray]:
        for name, values in feed.items():
            inputs[name].copyFrom(
                MNN.Tensor(values.shape, MNN.Halide_Type_Float, values, MNN.Tensor_DimensionType_Caffe)
            )
        interpreter.runSession(session)
        return [_array(outputs[name]) for name in sorted(outputs)]

    return run


def _array(tensor: MNN.Tensor) -> np.ndarray:
    shape = tensor.getShape()
    host = MNN.Tensor(shape, MNN.Halide_Type_Float, np.zeros(shape, np.float32), MNN.Tensor_DimensionType_Caffe)
    tensor.copyToHostTensor(host)
    return np.array(host.getData(), np.float32).reshape(shape)


if __name__ == "__main__":
    run_peer(quantize, open_file)
