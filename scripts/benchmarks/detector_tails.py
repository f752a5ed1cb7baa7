"""Decoding as exporters append it: real detectors whose raw outputs edge-sdk does not know, made to give boxes.

Each function takes the model as its makers published it and returns it with outputs `boxes` [1, n, 4], xyxy in pixels
of the input, and `scores` [1, n, classes], 0 to 1: the layout `boxes-scores`. The tail is plain float ONNX without
suppression of overlaps, so that a quantizer meets what it meets in the field: one graph in which boxes and scores lie
beside each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_OPSET = 13  # the published models have 11, in which Softmax and Squeeze mean other things


class _Tail:
    """Appends nodes to a model."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = onnx.version_converter.convert_version(_without_weight_inputs(model), _OPSET)
        self.outputs = {value.name: _shape(value) for value in self.model.graph.output}
        (self.input,) = self.model.graph.input
        self._count = 0

    def add(self, kind: str, *inputs: str | np.ndarray, **attributes: object) -> str:
        """Append a node; arrays become constants."""
        name = f"tail_{self._count}"
        self._count += 1
        names = [self._constant(f"{name}_{i}", one) if isinstance(one, np.ndarray) else one
                 for i, one in enumerate(inputs)]  # fmt: skip
        self.model.graph.node.append(helper.make_node(kind, names, [name], name=name, **attributes))
        return name

    def end(self, boxes: str, scores: str, candidates: int, classes: int) -> onnx.ModelProto:
        """Make two tensors the only outputs."""
        graph = self.model.graph
        del graph.output[:]
        for name, tensor, width in (("boxes", boxes, 4), ("scores", scores, classes)):
            graph.node.append(helper.make_node("Identity", [tensor], [name], name=name))
            graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, candidates, width]))
        onnx.checker.check_model(self.model, full_check=True)
        return self.model

    def _constant(self, name: str, values: np.ndarray) -> str:
        self.model.graph.initializer.append(numpy_helper.from_array(values, name))
        return name


def nanodet_tail(model: onnx.ModelProto) -> onnx.ModelProto:
    """Decode NanoDet: sigmoid class maps, and distances to four sides as distributions over eight bins a stride."""
    tail = _Tail(model)
    size = _shape(tail.input)[-1]
    maps = sorted(tail.outputs.items(), key=lambda item: -item[1][1])
    scores = [name for name, shape in maps if shape[2] != 32]
    boxes, centres, strides = [], [], []
    for name, (_, cells, width) in maps:
        if width != 32:
            continue
        side = round(cells**0.5)
        bins = tail.add("Reshape", name, np.array([1, cells, 4, 8], np.int64))
        share = tail.add("Softmax", bins, axis=-1)
        distance = tail.add("MatMul", share, np.arange(8, dtype=np.float32).reshape(8, 1))
        boxes.append(tail.add("Reshape", distance, np.array([1, cells, 4], np.int64)))
        stride = size / side
        at = (np.arange(side, dtype=np.float32) + 0.5) * stride - 0.5
        centres.append(np.stack([np.tile(at, side), np.repeat(at, side)], axis=1))
        strides.append(np.full((cells, 1), stride, np.float32))
    centre = np.concatenate(centres)
    sides = tail.add("Concat", *boxes, axis=1)
    signed = np.concatenate(strides) * np.array([-1, -1, 1, 1], np.float32)
    moved = tail.add("Mul", sides, signed[np.newaxis])
    corners = tail.add("Add", moved, np.concatenate([centre, centre], axis=1)[np.newaxis].astype(np.float32))
    classes = tail.outputs[scores[0]][2]
    return tail.end(corners, tail.add("Concat", *scores, axis=1), len(centre), classes)


def fastestdet_tail(model: onnx.ModelProto) -> onnx.ModelProto:
    """Decode FastestDet: one map with objectness, box and classes; scores are `objectness^0.6 * class^0.4`."""
    tail = _Tail(model)
    ((name, (_, channels, side, _)),) = tail.outputs.items()
    size, cells = _shape(tail.input)[-1], side * side
    rows = tail.add("Transpose", tail.add("Reshape", name, np.array([1, channels, cells], np.int64)), perm=[0, 2, 1])
    objects = _columns(tail, rows, 0, 1)
    # centre = (cell + tanh) * stride, half the size = sigmoid * size / 2
    at = np.arange(side, dtype=np.float32)
    cell = np.stack([np.tile(at, side), np.repeat(at, side)], axis=1)[np.newaxis]
    stride = np.array(size / side, np.float32)
    centre = tail.add("Mul", tail.add("Add", tail.add("Tanh", _columns(tail, rows, 1, 3)), cell), stride)
    half = tail.add("Mul", tail.add("Sigmoid", _columns(tail, rows, 3, 5)), np.array(size / 2, np.float32))
    corners = tail.add("Concat", tail.add("Sub", centre, half), tail.add("Add", centre, half), axis=2)
    classes = tail.add("Pow", _columns(tail, rows, 5, channels), np.array(0.4, np.float32))
    scores = tail.add("Mul", tail.add("Pow", objects, np.array(0.6, np.float32)), classes)
    return tail.end(corners, scores, cells, channels - 5)


def _columns(tail: _Tail, rows: str, start: int, end: int) -> str:
    return tail.add("Slice", rows, *(np.array([value], np.int64) for value in (start, end, 2)))


def _without_weight_inputs(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose weights are constants, not inputs with defaults."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    weights = {tensor.name for tensor in copy.graph.initializer}
    kept = [value for value in copy.graph.input if value.name not in weights]
    del copy.graph.input[:]
    copy.graph.input.extend(kept)
    return copy


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    return tuple(axis.dim_value for axis in value.type.tensor_type.shape.dim)


TAILS: Mapping[str, Callable[[onnx.ModelProto], onnx.ModelProto]] = {
    "nanodet": nanodet_tail,
    "fastestdet": fastestdet_tail,
}
