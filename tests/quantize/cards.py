"""A small classifier of coloured cards, hand-made, with the pictures and labels that it is right about.

The convolutions are seeded noise and the last layer is fitted to what they see: the float model is right, and a layer
that is destroyed shows in its accuracy.
"""

from __future__ import annotations

import csv

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_sdk.preprocess import ImageSteps, prepare_image
from edge_sdk.session import SessionConfig, open_session

COLORS = ("red", "green", "blue")
SIZE_WH = (32, 24)
STEPS = ImageSteps(size_wh=SIZE_WH)
FLAGS = ("--normalize", "unit", "--resize", "stretch", "--color", "rgb")
OUTLIER = 1e4


def card(number: int) -> np.ndarray:
    """Return a picture of 60x40, uint8 blue green red, with noise; its colour is number % 3."""
    random = np.random.default_rng(number)
    picture = random.integers(0, 90, (40, 60, 3))
    picture[:, :, 2 - number % 3] += int(random.integers(20, 110))
    return picture.astype(np.uint8)


def write_cards(folder, numbers):
    """Write pictures as `card-NNN.png`, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        cv2.imwrite(str(folder / f"card-{number:03d}.png"), card(number))
    return folder


def write_labels(path, numbers, **columns):
    """Write their labels, with further columns of one value each, and return the path."""
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, ["file", "class_name", *columns])
        table.writeheader()
        table.writerows({"file": f"card-{n:03d}.png", "class_name": COLORS[n % 3], **columns} for n in numbers)
    return path


def write_names(path):
    """Write the class names, and return the path."""
    path.write_text("".join(f"{name}\n" for name in COLORS))
    return path


def build(nodes, weights, *, inputs=(("x", [1, 3, 24, 32]),), outputs=(("y", [1, 3]),), metadata=None, opset=17):
    """Return a model; inputs and outputs are (name, shape) of float32, weights are arrays by name."""
    ends = [[helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in end] for end in (inputs, outputs)]
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "g", *ends, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    return model


def build_classifier(*, outlier=False, **options):
    """Return the classifier of cards.

    Args:
        outlier: Whether one layer has a weight so large that int8 has no step left for the others. Its input is always
            zero, so the float model does not feel it.
        options: See `build`.
    """
    random = np.random.default_rng(7)
    weights = {
        "stem_w": random.normal(0, 0.3, (16, 3, 3, 3)),
        "stem_b": random.normal(0, 0.05, 16),
        "middle_w": random.normal(0, 0.3, (16, 16, 1, 1)),
        "middle_b": random.normal(0, 0.05, 16),
    }
    weights["stem_w"][0], weights["stem_b"][0] = 0, -1.0  # after its ReLU, channel 0 is always zero
    if outlier:
        weights["middle_w"][:, 0] = OUTLIER
    weights = {name: array.astype(np.float32) for name, array in weights.items()}
    nodes = [
        helper.make_node("Conv", ["x", "stem_w", "stem_b"], ["a"], "stem", strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], "stem_relu"),
        helper.make_node("Conv", ["b", "middle_w", "middle_b"], ["c"], "middle"),
        helper.make_node("Relu", ["c"], ["d"], "middle_relu"),
        helper.make_node("GlobalAveragePool", ["d"], ["e"], "pool"),
        helper.make_node("Flatten", ["e"], ["f"], "flat"),
        helper.make_node("Gemm", ["f", "last_w", "last_b"], ["y"], "last", transB=1),
    ]
    weights["last_w"], weights["last_b"] = _fitted(build(nodes[:6], weights, outputs=[("f", [1, 16])]))
    return build(nodes, weights, **options)


def _fitted(body):
    """Return the last layer's weights and bias that tell the colours apart."""
    session = open_session(body.SerializeToString(), SessionConfig(), where="cards")
    numbers = range(1000, 1090)
    seen = np.stack([session.run({"x": prepare_image(STEPS, card(n))[0]})["f"][0] for n in numbers])
    wanted = np.eye(3)[[n % 3 for n in numbers]]
    found = np.linalg.lstsq(np.hstack([seen, np.ones((len(seen), 1))]), wanted, rcond=None)[0] * 10
    return found[:-1].T.astype(np.float32), found[-1].astype(np.float32)


def save(model, path):
    """Write a model, and return the path."""
    onnx.save(model, path)
    return path
