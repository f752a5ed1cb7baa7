"""Detectors of random weights that decode inside the graph, as exporters write it: boxes in pixels beside scores."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from tests.quantize.networks import Network

SIZE_WH = (64, 48)
CELLS_WH = (8, 6)
CLASSES = 6
STRIDE = 80.0
"""As if the picture had 640 pixels: boxes are up to 640 beside scores up to 1."""
_CELLS = CELLS_WH[0] * CELLS_WH[1]


def backbone(seed=3):
    """Return a network with some work, and its features: 24 channels of an eighth of the size."""
    net = Network(17, seed)
    net.channels["x"] = 3
    x = "x"
    for channels in (24, 32, 24):
        x = net.op("Relu", net.conv(x, channels, 3, stride=2))
        x = net.op("Relu", net.conv(x, channels, 3))
    return net, x


def branch(net, x, channels, *, gain):
    """Return logits whose range is about `gain` times that of another branch with a gain of 1."""
    before = len(net.constants)
    result = net.conv(net.op("Relu", net.conv(x, 24, 3)), channels)
    for tensor in net.constants[before + 2 : before + 4]:
        tensor.raw_data = (np.frombuffer(tensor.raw_data, np.float32) * np.float32(gain)).tobytes()
    return result


def yolov8():
    """Return a head that joins boxes in pixels and scores: [1, 4 + classes, n]."""
    net, boxes, logits = _boxes_and_logits()
    return net.model(SIZE_WH, [net.op("Concat", _in_pixels(net, boxes), net.op("Sigmoid", logits), axis=1)])


def yolov8_by_row():
    """Return the same head with a candidate a row: [1, n, 4 + classes]."""
    net, boxes, logits = _boxes_and_logits()
    joined = net.op("Concat", _in_pixels(net, boxes), net.op("Sigmoid", logits), axis=1)
    return net.model(SIZE_WH, [net.op("Transpose", joined, perm=[0, 2, 1])])


def yolov8_joined_logits():
    """Return the same head, but logits are joined, split, decoded apart and joined again."""
    net, x = backbone()
    joined = net.concat(branch(net, x, 4, gain=2.0), branch(net, x, CLASSES, gain=2.0))
    boxes, logits = net.split(_rows(net, joined, 4 + CLASSES), 4)
    return net.model(SIZE_WH, [net.op("Concat", _in_pixels(net, boxes), net.op("Sigmoid", logits), axis=1)])


def yolov8_scaled_when_joined():
    """Return the same head, but boxes are joined in cells, and one product makes pixels of them."""
    net, boxes, logits = _boxes_and_logits()
    cells = net.op("Add", boxes, net.constant(np.concatenate([_grid(), _grid()])[np.newaxis]))
    joined = net.op("Concat", cells, net.op("Sigmoid", logits), axis=1)
    strides = np.array([STRIDE] * 4 + [1.0] * CLASSES).reshape(1, -1, 1)
    return net.model(SIZE_WH, [net.op("Mul", joined, net.constant(strides))])


def yolov5():
    """Return a head of three anchors: one Sigmoid over all, then grid and anchors: [1, n, 5 + classes]."""
    net, x = backbone()
    width, height = CELLS_WH
    columns = 5 + CLASSES
    shape = net.constant([1, 3, columns, height, width], np.int64)
    maps = net.op("Reshape", branch(net, x, 3 * columns, gain=2.0), shape)
    values = net.op("Sigmoid", net.op("Transpose", maps, perm=[0, 1, 3, 4, 2]))
    bounds = [
        [net.constant([edge], np.int64) for edge in (start, end, 4)] for start, end in ((0, 2), (2, 4), (4, columns))
    ]
    centre, size, scores = (net.op("Slice", values, *each) for each in bounds)
    grid = np.moveaxis(_grid().reshape(2, height, width), 0, -1)
    centre = net.op("Add", net.op("Mul", centre, net.constant(2.0)), net.constant(grid - 0.5))
    twice = net.op("Mul", size, net.constant(2.0))
    anchors = net.constant(np.array([[40, 60], [100, 80], [160, 150]]).reshape(1, 3, 1, 1, 2))
    parts = (net.op("Mul", centre, net.constant(STRIDE)), net.op("Mul", net.op("Mul", twice, twice), anchors), scores)
    rows = net.op("Reshape", net.op("Concat", *parts, axis=4), net.constant([1, -1, columns], np.int64))
    return net.model(SIZE_WH, [rows])


def suppressed():
    """Return a head with boxes, scores, and which of them are left by the graph's own suppression of overlaps."""
    net, boxes, logits = _boxes_and_logits()
    scores = net.op("Sigmoid", logits)
    corners = net.op("Transpose", _in_pixels(net, boxes), perm=[0, 2, 1])
    limits = net.constant([20], np.int64), net.constant([0.5]), net.constant([0.5])
    model = net.model(SIZE_WH, [corners, scores, net.op("NonMaxSuppression", corners, scores, *limits)])
    model.graph.output[2].type.tensor_type.elem_type = TensorProto.INT64
    return model


def end_to_end():
    """Return a head that gives its ten best boxes itself, with score and class: [1, 10, 6]."""
    net, boxes, logits = _boxes_and_logits()
    scores = net.op("Sigmoid", logits)
    best = net.op("ReduceMax", scores, axes=[1], keepdims=0)
    top, index = "top", "index"
    net.nodes.append(_top(net, best, [top, index]))
    corners = net.op("Transpose", _in_pixels(net, boxes), perm=[0, 2, 1])
    places = net.op(
        "Expand", net.op("Unsqueeze", index, net.constant([2], np.int64)), net.constant([1, 10, 4], np.int64)
    )
    classes = net.op("Cast", net.op("ArgMax", scores, axis=1, keepdims=0), to=TensorProto.FLOAT)
    columns = (top, net.op("GatherElements", classes, index, axis=1))
    rows = (net.op("Unsqueeze", name, net.constant([2], np.int64)) for name in columns)
    return net.model(SIZE_WH, [net.op("Concat", net.op("GatherElements", corners, places, axis=1), *rows, axis=2)])


def _top(net, values, results):
    return helper.make_node("TopK", [values, net.constant([10], np.int64)], results, "/top", axis=1)


def _boxes_and_logits():
    net, x = backbone()
    boxes, logits = branch(net, x, 4, gain=2.0), branch(net, x, CLASSES, gain=2.0)
    return net, _rows(net, boxes, 4), _rows(net, logits, CLASSES)


def _rows(net, x, channels):
    rows = net.op("Reshape", x, net.constant([1, channels, _CELLS], np.int64))
    net.channels[rows] = channels
    return rows


def _grid():
    """Return the cell of each candidate, x and y: [2, n]."""
    across, down = np.meshgrid(np.arange(CELLS_WH[0]), np.arange(CELLS_WH[1]))
    return np.stack([across.ravel(), down.ravel()]).astype(np.float32)


def _in_pixels(net, boxes):
    """Return boxes [1, 4, n] in pixels, of logits that are distances in cells."""
    grid = net.constant(np.concatenate([_grid(), _grid()])[np.newaxis])
    return net.op("Mul", net.op("Add", boxes, grid), net.constant(STRIDE))
