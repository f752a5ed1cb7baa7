"""The appended decoding against the published formulas, in NumPy, on a head of random numbers."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from scripts.benchmarks.detector_tails import fastestdet_tail, nanodet_tail


def head(outputs: dict[str, list[int]], size: int) -> onnx.ModelProto:
    """Return a model whose outputs are inputs of the same names, beside the picture that sets the size."""
    picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, size, size])
    nodes = [
        helper.make_node("Constant", [], [name], value=onnx.numpy_helper.from_array(_values(shape)))
        for name, shape in outputs.items()
    ]
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
    graph = helper.make_graph(nodes, "head", [picture], made)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)


def _values(shape: list[int]) -> np.ndarray:
    return np.random.default_rng(sum(shape)).random(shape, np.float32)


def run(model: onnx.ModelProto, size: int) -> tuple[np.ndarray, np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    boxes, scores = session.run(["boxes", "scores"], {"picture": np.zeros((1, 3, size, size), np.float32)})
    return boxes[0], scores[0]


def test_fastestdet_is_decoded_as_published():
    boxes, scores = run(fastestdet_tail(head({"raw": [1, 8, 4, 4]}, 64)), 64)
    raw = _values([1, 8, 4, 4])[0][:, 2, 1]
    at = 2 * 4 + 1
    centre = (np.array([1, 2]) + np.tanh(raw[1:3])) * 16
    half = 32 / (1 + np.exp(-raw[3:5]))
    assert boxes[at] == pytest.approx(np.concatenate([centre - half, centre + half]), rel=1e-5)
    assert scores[at] == pytest.approx(raw[0] ** 0.6 * raw[5:] ** 0.4, rel=1e-5)


def test_nanodet_is_decoded_as_published():
    outputs = {"small": [1, 16, 5], "large": [1, 4, 5], "small box": [1, 16, 32], "large box": [1, 4, 32]}
    boxes, scores = run(nanodet_tail(head(outputs, 32)), 32)
    share = np.exp(_values([1, 4, 32])[0, 1].reshape(4, 8))
    distance = (share / share.sum(axis=1, keepdims=True)) @ np.arange(8) * 16
    centre = np.array([1.5 * 16 - 0.5, 0.5 * 16 - 0.5])
    assert boxes[16 + 1] == pytest.approx(np.concatenate([centre - distance[:2], centre + distance[2:]]), rel=1e-5)
    assert scores.shape == (20, 5)
    assert scores[17] == pytest.approx(_values([1, 4, 5])[0, 1])
