"""NNCF on ONNX: `quantize` with its defaults, and `quantize_with_accuracy_control` with the budget and the labels."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import nncf
import onnx
import onnxruntime

from scripts.benchmarks.peers.exchange import Answer, Feed, Judge, Request, count_feeds, read_feeds, run_peer


class Feeds(Iterable[Feed]):
    """Samples that can be read again and again, and have a count."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __len__(self) -> int:
        return count_feeds(self._path)

    def __iter__(self) -> Iterable[Feed]:
        return read_feeds(self._path)


def quantize(request: Request) -> Answer:
    """Quantize as the method says."""
    model = onnx.load(request.model)
    calibration = nncf.Dataset(Feeds(request.calibration))
    if request.method == "accuracy control":
        made = _controlled(model, calibration, request)
    else:
        made = nncf.quantize(model, calibration)
    file = Path(request.folder) / "model.onnx"
    onnx.save(made, str(file))
    return Answer(str(file), request.method)


def _controlled(model: onnx.ModelProto, calibration: nncf.Dataset, request: Request) -> onnx.ModelProto:
    judge = Judge(request)
    if not judge.can_score:
        raise RuntimeError("quantize_with_accuracy_control: there are no labels to validate with")

    def validate(candidate: onnx.ModelProto, feeds: Iterable[Feed]) -> float:
        session = onnxruntime.InferenceSession(candidate.SerializeToString(), providers=["CPUExecutionProvider"])
        return judge.score([judge.decode(session.run(None, feed)) for feed in feeds])

    return nncf.quantize_with_accuracy_control(
        model,
        calibration_dataset=calibration,
        validation_dataset=nncf.Dataset(Feeds(request.evaluation)),
        validation_fn=validate,
        max_drop=request.max_drop_points / 100.0,
    )


if __name__ == "__main__":
    run_peer(quantize)
