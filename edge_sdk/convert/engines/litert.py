"""LiteRT, by onnx2tf: which has channels last; what comes out is turned back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from edge_sdk.convert.engines.child import Feed, Order, Run


def versions() -> dict[str, str]:
    """Return the versions of the converter and of the runtime."""
    from importlib.metadata import version

    return {name: version(name) for name in ("ai-edge-litert", "onnx2tf", "tensorflow")}


def open_model(order: Order) -> Run:
    """Convert a model and open what came out."""
    import onnx2tf
    from ai_edge_litert.interpreter import Interpreter

    model, feed, outputs = order.model, order.feed, order.outputs
    os.chdir(model.parent)
    # noise where onnx2tf looks for pictures to check its layers with, before it would download some
    noise = np.random.default_rng(0).random((20, 128, 128, 3), np.float32)
    np.save("calibration_image_sample_data_20x128x128x3_float32.npy", noise)
    onnx2tf.convert(
        input_onnx_file_path=str(model),
        output_folder_path="made",
        keep_shape_absolutely_input_names=list(feed),
        output_signaturedefs=True,
        copy_onnx_input_output_names_to_tflite=True,
        non_verbose=True,
    )
    (file,) = Path("made").glob("*_float32.tflite")
    runner = Interpreter(model_path=str(file), num_threads=1).get_signature_runner()

    def run(values: Feed) -> Feed:
        found = runner(**values)
        return {name: _turned(np.array(found[name]), shape) for name, shape in outputs.items()}

    return run


def _turned(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Turn channels last into channels first, where only that gives the shape that is expected."""
    turned = np.moveaxis(array, -1, 1) if array.ndim > 2 else array
    return turned if array.shape != shape and turned.shape == shape else array
