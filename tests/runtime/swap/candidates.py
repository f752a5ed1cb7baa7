"""How the tests of swaps make packages: the colour model as it is, and candidates that are wrong in one way each."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from onnx import helper

from edge_sdk.package import FileEntry, write_package
from edge_sdk.session import host_config, open_session
from tests.runtime.models import build, describe_colors

_MEAN = [helper.make_node("GlobalAveragePool", ["x"], ["mean"]), helper.make_node("Flatten", ["mean"], ["flat"])]
_SCALED = helper.make_node("Mul", ["flat", "factor"], ["y"])


def colors(factor=10.0):
    """Return the model that names the strongest colour; a negative factor names the weakest."""
    return _build([*_MEAN, _SCALED], factor=np.array(factor, np.float32))


def slow(size=700):
    """Return the one that takes some milliseconds longer for the same."""
    nodes = [
        *_MEAN,
        helper.make_node("MatMul", ["flat", "wide"], ["row"]),
        helper.make_node("Mul", ["row", "column"], ["square"]),
        *[helper.make_node("MatMul", [name, "square"], [f"{name}s"]) for name in ("square", "squares", "squaress")],
        helper.make_node("ReduceMean", ["squaresss"], ["nothing"], keepdims=0),
        helper.make_node("Add", ["factor", "nothing"], ["same"]),
        helper.make_node("Mul", ["flat", "same"], ["y"]),
    ]
    weights = {"wide": np.zeros((3, size), np.float32), "column": np.zeros((size, 1), np.float32)}
    return _build(nodes, factor=np.array(11, np.float32), **weights)


def no_number_for_blue():
    """Return the one that gives NaN for pictures that are very blue."""
    nodes = [
        *_MEAN,
        helper.make_node("MatMul", ["flat", "blue"], ["much"]),
        helper.make_node("Sub", ["half", "much"], ["left"]),
        helper.make_node("Sqrt", ["left"], ["root"]),
        helper.make_node("Mul", ["root", "nought"], ["nothing"]),
        helper.make_node("Add", ["flat", "nothing"], ["sum"]),
        helper.make_node("Mul", ["sum", "factor"], ["y"]),
    ]
    weights = {
        "blue": np.array([[0], [0], [1]], np.float32),
        "half": np.array(0.6, np.float32),
        "nought": np.array(0, np.float32),
    }
    return _build(nodes, factor=np.array(12, np.float32), **weights)


def write(path, model, *, golden_of=None, **changes):
    """Write a package with golden outputs, those of another model if told, and return its path."""
    manifest = replace(describe_colors(model), **changes)
    golden = _golden(golden_of or model)
    variant = replace(manifest.variants["fp32"], golden=FileEntry.of("golden/fp32.npz", golden))
    contents = {"variants/fp32/model.onnx": model, "golden/fp32.npz": golden}
    write_package(path, replace(manifest, variants={"fp32": variant}), contents)
    return path


def _build(nodes, **weights):
    return build(nodes, [("x", [1, 3, 32, 48])], [("y", [1, 3])], weights.items())


def _golden(model):
    session = open_session(model, host_config(), where="golden")
    x = np.random.default_rng(1).random((1, 3, 32, 48)).astype(np.float32)
    file = io.BytesIO()
    np.savez(file, **{"input:x": x[np.newaxis], "output:y": session.run({"x": x})["y"][np.newaxis]})
    return file.getvalue()
