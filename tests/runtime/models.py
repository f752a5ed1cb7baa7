"""How the tests of the runtime make their models, packages, pictures and videos."""

from __future__ import annotations

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_sdk.package import FileEntry, Manifest, Provenance, Variant, write_package
from edge_sdk.preprocess import ImageSteps, Preprocess
from edge_sdk.tasks import TaskSpec
from edge_sdk.tensors import TensorSpec

COLORS = ("red", "green", "blue")


def build(nodes, inputs, outputs, weights=()) -> bytes:
    """Return a model; inputs and outputs are (name, shape) of float32."""
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in end]
        for end in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "g", *ends, [numpy_helper.from_array(array, name) for name, array in weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


def describe(model, *, task, preprocess, labels=()) -> Manifest:
    """Return the manifest of a package with this model as its one variant."""
    graph = onnx.load_from_string(model).graph
    ends = [
        tuple(TensorSpec(v.name, "float32", tuple(d.dim_value for d in v.type.tensor_type.shape.dim)) for v in values)
        for values in (graph.input, graph.output)
    ]
    entry, golden = FileEntry.of("variants/fp32/model.onnx", model), FileEntry.of("golden/fp32.npz", b"golden")
    variants = {"fp32": Variant(entry, 17, 9, 0.0, None, golden, 30.0)}
    made = Provenance("5" * 64, "c" * 64, 1, ("raspberry-pi-5",), {})
    return Manifest("tiny", 1, task, *ends, labels, preprocess, variants, made)


def build_colors() -> bytes:
    """Return the model that names the strongest colour of a picture of 48x32."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Mul", ["flat", "ten"], ["y"]),
    ]
    return build(nodes, [("x", [1, 3, 32, 48])], [("y", [1, 3])], [("ten", np.array(10, np.float32))])


def describe_colors(model) -> Manifest:
    """Return its manifest."""
    steps = Preprocess(image=ImageSteps(size_wh=(48, 32), resize="letterbox"))
    return describe(model, task=TaskSpec("classification", top_k=3), preprocess=steps, labels=COLORS)


def write_colors(path):
    """Write its package, and return the path."""
    model = build_colors()
    write_package(path, describe_colors(model), {"variants/fp32/model.onnx": model, "golden/fp32.npz": b"golden"})
    return path


def write_moving(path):
    """Write the package of a model that finds one thing, at a picture's bright column, and return the path."""
    nodes = [
        helper.make_node("ReduceSum", ["x", "planes"], ["columns"], keepdims=0),
        helper.make_node("MatMul", ["columns", "at"], ["weighted"]),
        helper.make_node("ReduceSum", ["columns", "row"], ["total"], keepdims=1),
        helper.make_node("Div", ["weighted", "total"], ["middle"]),
        helper.make_node("Mul", ["middle", "sides"], ["moved"]),
        helper.make_node("Add", ["moved", "size"], ["boxes"]),
        helper.make_node("Mul", ["middle", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "score"], ["scores"]),
    ]
    weights = {
        "planes": np.array([1, 2], np.int64),
        "row": np.array([1], np.int64),
        "at": np.arange(0.5, 48, dtype=np.float32)[:, np.newaxis],
        "sides": np.array([[[1, 0, 1, 0]]], np.float32),
        "size": np.array([[[-4, 8, 4, 24]]], np.float32),
        "zero": np.zeros((1, 1, 1), np.float32),
        "score": np.full((1, 1, 1), 0.9, np.float32),
    }
    model = build(nodes, [("x", [1, 3, 32, 48])], [("boxes", [1, 1, 4]), ("scores", [1, 1, 1])], weights.items())
    steps = Preprocess(image=ImageSteps(size_wh=(48, 32), resize="letterbox"))
    manifest = describe(model, task=TaskSpec("detection", head="boxes-scores"), preprocess=steps, labels=("thing",))
    write_package(path, manifest, {"variants/fp32/model.onnx": model, "golden/fp32.npz": b"golden"})
    return path


def moving_card(number):
    """Return a picture of 96x64 with a bright bar, two pixels further to the right in each."""
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[16:48, 12 + 2 * number : 24 + 2 * number] = 250
    return picture


def card(name, *, size_wh=(60, 40)):
    """Return a picture of one colour, uint8 [height, width, 3], blue green red."""
    picture = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    picture[:, :, 2 - COLORS.index(name)] = 250
    return picture


def write_clip(path, pictures, *, fps=25.0):
    """Write pictures as a video, and return its path."""
    size_wh = (pictures[0].shape[1], pictures[0].shape[0])
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), fps, size_wh)
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return path
