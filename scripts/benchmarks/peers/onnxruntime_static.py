"""onnxruntime's `quantize_static`: as documented, and the best that an expert would get out of its options by hand.

`defaults` is the documented way: `quant_pre_process`, then `quantize_static` with nothing else said. `u8s8` is what its
documentation advises for x86 processors with VNNI, with weights per channel. `best` tries what its documentation
and its issues recommend, and keeps the file whose results agree best with the float model's on the calibration samples,
the first of equals; all of the search is its time.
"""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from scripts.benchmarks.peers.exchange import Answer, Feed, Judge, Request, count_feeds, read_feeds, run_peer

_HEAVY = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
_SEARCH_SHARE = 0.7  # of the time limit; min-max, the quickest, comes first
_MOST_AT_ONCE = 10  # histogram calibration keeps the tensors of all the samples that it is given at a time

RANGES: dict[str, tuple[CalibrationMethod, dict[str, Any]]] = {
    "min-max": (CalibrationMethod.MinMax, {}),
    "percentile 99.999": (CalibrationMethod.Percentile, {"CalibPercentile": 99.999}),
    "percentile 99.9": (CalibrationMethod.Percentile, {"CalibPercentile": 99.9}),
    "entropy": (CalibrationMethod.Entropy, {}),
}
ACTIVATIONS = {"U8S8": QuantType.QUInt8, "S8S8": QuantType.QInt8}  # the faster on x86 first


class Reader(CalibrationDataReader):
    """Gives the calibration samples, all of them or a range."""

    def __init__(self, path: str) -> None:
        self._path, self._count = path, count_feeds(path)
        self.set_range(0, self._count)

    def __len__(self) -> int:
        return self._count

    def set_range(self, start_index: int, end_index: int) -> None:
        """Start again, with these samples only."""
        self._items: Iterator[Feed] = itertools.islice(read_feeds(self._path), start_index, end_index)

    def get_next(self) -> Feed | None:
        """Return the next sample, or None."""
        return next(self._items, None)


def quantize(request: Request) -> Answer:
    """Quantize as the method says."""
    folder = Path(request.folder)
    prepared = folder / "prepared.onnx"
    quant_pre_process(request.model, str(prepared), skip_symbolic_shape=True)
    if request.method == "best":
        return _best(request, prepared)
    advised: dict[str, Any] = {"activation_type": QuantType.QUInt8, "per_channel": True}
    options = advised if request.method == "u8s8" else {}
    quantize_static(str(prepared), str(folder / "model.onnx"), Reader(request.calibration), **options)
    told = "U8S8, per channel" if options else "defaults: S8S8, per tensor"
    return Answer(str(folder / "model.onnx"), f"quant_pre_process, {told}, min-max")


def _best(request: Request, prepared: Path) -> Answer:
    folder, judge = Path(request.folder), Judge(request)
    reference = _results(Path(request.model), request, judge)
    scores: dict[str, float] = {}
    refused: dict[str, str] = {}
    end_s = time.monotonic() + _SEARCH_SHARE * request.limit_s
    for name, options in _trials(prepared, folder, len(Reader(request.calibration))):
        if time.monotonic() > end_s:
            break
        trial = folder / "trial.onnx"
        try:
            quantize_static(str(prepared), str(trial), Reader(request.calibration), **options)
            scores[name] = judge.agreement(reference, _results(trial, request, judge))
        except Exception as exc:  # noqa: BLE001 - a combination that the tool cannot do is one that an expert drops
            refused[name] = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
            continue
        if scores[name] == max(scores.values()) and list(scores.values()).count(scores[name]) == 1:
            shutil.copyfile(trial, folder / "model.onnx")
    if not scores:
        raise RuntimeError(next(iter(refused.values())))
    best = max(scores, key=lambda name: scores[name])
    return Answer(str(folder / "model.onnx"), f"best of {len(scores)} tried: {best}; {len(refused)} refused")


def _trials(prepared: Path, folder: Path, samples: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the combinations: ranges, activation types, weights by channel or tensor, with and without the head."""
    stride = next(size for size in range(_MOST_AT_ONCE, 0, -1) if samples % size == 0)
    head = _head_nodes(onnx.load(prepared))
    for ranges, (method, extra) in RANGES.items():
        for activation, per_channel, excluded in itertools.product(ACTIVATIONS, (True, False), ((), head)):
            weights = "per channel" if per_channel else "per tensor"
            yield (
                f"{activation}, {weights}, {ranges}, {'head in float' if excluded else 'all layers'}",
                {
                    "activation_type": ACTIVATIONS[activation],
                    "weight_type": QuantType.QInt8,
                    "per_channel": per_channel,
                    "reduce_range": False,
                    "calibrate_method": method,
                    "nodes_to_exclude": list(excluded),
                    "extra_options": {**extra, "CalibStridedMinMax": stride},
                    "calibration_cache_path": folder / f"{ranges}.json",
                },
            )


def _head_nodes(model: onnx.ModelProto) -> tuple[str, ...]:
    """Return the last layers with weights and all that follows them: what experts keep in float first."""
    behind: dict[str, bool] = {}  # by tensor: whether a layer with weights is still to come
    head = []
    for node in reversed(model.graph.node):
        heavy_follows = any(behind.get(name, False) for name in node.output)
        if not heavy_follows:
            head.append(node.name)
        for name in node.input:
            behind[name] = behind.get(name, False) or heavy_follows or node.op_type in _HEAVY
    return tuple(head)


def _results(path: Path, request: Request, judge: Judge) -> list[Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return [judge.decode(session.run(None, feed)) for feed in read_feeds(request.calibration)]


if __name__ == "__main__":
    run_peer(quantize)
