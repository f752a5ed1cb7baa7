"""LiteRT: onnx2tf converts and quantizes (integers inside, float outside), LiteRT runs, also what others made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from scripts.benchmarks.peers.exchange import Answer, Feed, Request, Run, read_feeds, run_peer


def quantize(request: Request) -> Answer:
    """Convert with integer quantization, weights per channel, on the calibration samples."""
    import onnx2tf

    folder = Path(request.folder)
    feeds = list(read_feeds(request.calibration))
    ((name, first),) = feeds[0].items()
    turned = _is_nchw(first)  # onnx2tf turns such inputs to channels last, and wants the samples turned too
    samples = np.concatenate([np.moveaxis(feed[name], 1, -1) if turned else feed[name] for feed in feeds])
    np.save(folder / "samples.npy", samples)
    _write_check_data()
    onnx2tf.convert(
        input_onnx_file_path=request.model,
        output_folder_path=str(folder / "made"),
        output_integer_quantized_tflite=True,
        quant_type="per-channel",
        custom_input_op_name_np_data_path=[[name, str(folder / "samples.npy"), 0.0, 1.0]],
        overwrite_input_shape=[f"{name}:{','.join(map(str, first.shape))}"],
        keep_shape_absolutely_input_names=None if turned else [name],
        non_verbose=True,
    )
    (folder / "samples.npy").unlink()
    (file,) = (folder / "made").glob("*[!l]_integer_quant.tflite")
    return Answer(str(file), "onnx2tf, per channel, float inputs and outputs")


def _write_check_data() -> None:
    """Put noise where onnx2tf looks for pictures to check its layers with, before it would download some."""
    noise = np.random.default_rng(0).random((20, 128, 128, 3), np.float32)
    np.save("calibration_image_sample_data_20x128x128x3_float32.npy", noise)


def open_file(path: Path, request: Request) -> Run:
    """Open a TFLite file."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=request.threads)
    interpreter.allocate_tensors()
    (entry,) = interpreter.get_input_details()
    exits = interpreter.get_output_details()

    def run(feed: Feed) -> list[np.ndarray]:
        (values,) = feed.values()
        if tuple(entry["shape"]) != values.shape:
            values = np.moveaxis(values, 1, -1)
        interpreter.set_tensor(entry["index"], _to_integers(values, entry))
        interpreter.invoke()
        return [_to_float(interpreter.get_tensor(one["index"]), one) for one in exits]

    return run


def _is_nchw(values: np.ndarray) -> bool:
    return values.ndim == 4 and values.shape[1] in {1, 3} and values.shape[-1] not in {1, 3}


def _to_integers(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    if tensor["dtype"] == np.float32:
        return values
    scale, zero_point = tensor["quantization"]
    limits = np.iinfo(tensor["dtype"])
    return np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max).astype(tensor["dtype"])


def _to_float(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    if tensor["dtype"] == np.float32:
        return np.array(values)
    scale, zero_point = tensor["quantization"]
    return ((values.astype(np.float32) - zero_point) * scale).astype(np.float32)


if __name__ == "__main__":
    run_peer(quantize, open_file)
