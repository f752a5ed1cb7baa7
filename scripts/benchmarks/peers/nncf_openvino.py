"""NNCF on OpenVINO, and OpenVINO's runtime: int8 with the defaults, with accuracy control, and plain float."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import nncf
import numpy as np
import openvino

from scripts.benchmarks.peers.exchange import Answer, Feed, Judge, Request, Run, read_feeds, run_peer
from scripts.benchmarks.peers.nncf_onnx import Feeds


def quantize(request: Request) -> Answer:
    """Convert and quantize as the method says."""
    model = openvino.convert_model(request.model)
    model.reshape({name: list(values.shape) for name, values in next(read_feeds(request.calibration)).items()})
    calibration = nncf.Dataset(Feeds(request.calibration))
    if request.method == "accuracy control":
        model = _controlled(model, calibration, request)
    elif request.method == "int8":
        model = nncf.quantize(model, calibration)
    file = Path(request.folder) / "model.xml"
    openvino.save_model(model, file, compress_to_fp16=False)
    return Answer(str(file), request.method)


def _controlled(model: openvino.Model, calibration: nncf.Dataset, request: Request) -> openvino.Model:
    judge = Judge(request)
    if not judge.can_score:
        raise RuntimeError("quantize_with_accuracy_control: there are no labels to validate with")

    def validate(compiled: openvino.CompiledModel, feeds: Iterable[Feed]) -> float:
        return judge.score([judge.decode(_outputs(compiled, feed)) for feed in feeds])

    return nncf.quantize_with_accuracy_control(
        model,
        calibration_dataset=calibration,
        validation_dataset=nncf.Dataset(Feeds(request.evaluation)),
        validation_fn=validate,
        max_drop=request.max_drop_points / 100.0,
    )


def open_file(path: Path, request: Request) -> Run:
    """Open an OpenVINO model for the shortest latency."""
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": request.threads}
    compiled = openvino.Core().compile_model(path, "CPU", settings)
    return lambda feed: _outputs(compiled, feed)


def _outputs(compiled: openvino.CompiledModel, feed: Feed) -> list[np.ndarray]:
    values = compiled(feed, share_inputs=True)
    return [values[port] for port in compiled.outputs]


if __name__ == "__main__":
    run_peer(quantize, open_file)
