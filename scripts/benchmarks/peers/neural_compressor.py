"""onnx-neural-compressor: static quantization with its defaults, and `autotune` over its own set of configurations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
import onnxruntime
from onnx_neural_compressor import data_reader
from onnx_neural_compressor.quantization import QuantFormat, config, tuning
from onnx_neural_compressor.quantization import quantize as quantize_file

from scripts.benchmarks.peers.exchange import Answer, Feed, Judge, Request, read_feeds, run_peer


class Reader(data_reader.CalibrationDataReader):
    """Gives the calibration samples."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.rewind()

    def get_next(self) -> Feed | None:
        """Return the next sample, or None."""
        return next(self._items, None)

    def rewind(self) -> None:
        """Start again."""
        self._items: Iterator[Feed] = read_feeds(self._path)


def quantize(request: Request) -> Answer:
    """Quantize as the method says."""
    file = Path(request.folder) / "model.onnx"
    if request.method == "autotune":
        onnx.save(_tuned(request), str(file))
    else:
        settings = config.StaticQuantConfig(Reader(request.calibration), quant_format=QuantFormat.QDQ)
        quantize_file(request.model, str(file), settings)
    return Answer(str(file), f"{request.method}, QDQ")


def _tuned(request: Request) -> onnx.ModelProto:
    judge = Judge(request)
    if not judge.can_score:
        raise RuntimeError("autotune: there are no labels to evaluate with")

    def evaluate(path: str) -> float:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return judge.score([judge.decode(session.run(None, feed)) for feed in read_feeds(request.evaluation)])

    candidates = config.StaticQuantConfig.get_config_set_for_tuning(quant_format=QuantFormat.QDQ)
    return tuning.autotune(
        request.model,
        tuning.TuningConfig(config_set=candidates, tolerable_loss=request.max_drop_points / 100.0),
        evaluate,
        calibration_data_reader=Reader(request.calibration),
    )


if __name__ == "__main__":
    run_peer(quantize)
