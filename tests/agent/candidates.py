"""Packages of a tiny model that names a picture's strongest colour, good and bad, with true golden samples."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from onnx import TensorProto, helper

from edge_sdk.package import FileEntry, write_package
from edge_sdk.package.golden import INPUT, OUTPUT
from edge_sdk.session import host_config, open_session
from tests.runtime.models import build, describe_colors

INPUTS = np.random.default_rng(1).random((4, 1, 3, 32, 48), np.float32) * 0.5
_X, _Y = [("x", [1, 3, 32, 48])], [("y", [1, 3])]
_SPREAD = [
    helper.make_node("ReduceMax", ["flat"], ["most"], keepdims=0),
    helper.make_node("ReduceMin", ["flat"], ["least_of"], keepdims=0),
    helper.make_node("Sub", ["most", "least_of"], ["spread"]),
]
"""How far the means of the colours are apart: little in noise and in grey, much in a picture of one colour."""
_MEAN = [helper.make_node("GlobalAveragePool", ["x"], ["mean"]), helper.make_node("Flatten", ["mean"], ["flat"])]


def good(scale=10.0):
    """Return a model; another scale makes another model that says the same."""
    return build([*_MEAN, helper.make_node("Mul", ["flat", "scale"], ["y"])], _X, _Y, [_number("scale", scale)])


def nan(above=0.5):
    """Return a model that gives no numbers for pictures whose colours are further apart than so much."""
    nodes = [
        *_MEAN,
        *_SPREAD,
        helper.make_node("Sub", ["above", "spread"], ["left"]),
        helper.make_node("Sqrt", ["left"], ["root"]),
        helper.make_node("Mul", ["root", "zero"], ["nothing"]),
        helper.make_node("Add", ["flat", "nothing"], ["y"]),
    ]
    return build(nodes, _X, _Y, [_number("above", above), _number("zero", 0.0)])


def constant():
    """Return a model that says the same whatever it sees."""
    nodes = [
        *_MEAN,
        helper.make_node("Mul", ["flat", "zero"], ["none"]),
        helper.make_node("Add", ["none", "say"], ["y"]),
    ]
    return build(nodes, _X, _Y, [_number("zero", 0.0), ("say", np.array([[0.1, 0.2, 0.7]], np.float32))])


def slow(rounds=60):
    """Return a model that takes its time: matrices of 512 are multiplied in so many rounds."""
    nodes = [*_MEAN, helper.make_node("Mul", ["flat", "scale"], ["said"])]
    nodes += [helper.make_node("ReduceMean", ["x"], ["one"], keepdims=0), helper.make_node("Add", ["w", "one"], ["m0"])]
    nodes += [helper.make_node("MatMul", [f"m{n}", "w"], [f"m{n + 1}"]) for n in range(rounds)]
    nodes += [
        helper.make_node("ReduceMean", [f"m{rounds}"], ["last"], keepdims=0),
        helper.make_node("Mul", ["last", "zero"], ["nothing"]),
        helper.make_node("Add", ["said", "nothing"], ["y"]),
    ]
    weights = [_number("scale", 10.0), _number("zero", 0.0), ("w", np.eye(512, dtype=np.float32) / 2)]
    return build(nodes, _X, _Y, weights)


def crashing(above=0.5):
    """Return a model that kills its process on pictures whose colours are further apart than so much; on x86 alone.

    onnxruntime 1.32 checks divisions by zero, and not the least integer by -1, which overflows: SIGFPE.
    """
    nodes = [
        *_MEAN,
        *_SPREAD,
        helper.make_node("Greater", ["spread", "above"], ["is_apart"]),
        helper.make_node("Cast", ["is_apart"], ["one"], to=TensorProto.INT32),
        helper.make_node("Mul", ["one", "minus_two"], ["two"]),
        helper.make_node("Sub", ["two", "minus_one"], ["by"]),
        helper.make_node("Div", ["least", "by"], ["ratio"]),
        helper.make_node("Cast", ["ratio"], ["large"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["large", "zero"], ["nothing"]),
        helper.make_node("Add", ["flat", "nothing"], ["y"]),
    ]
    integers = {"minus_two": -2, "minus_one": -1, "least": -(2**31)}
    weights = [(name, np.array(value, np.int32)) for name, value in integers.items()]
    return build(nodes, _X, _Y, [_number("above", above), _number("zero", 0.0), *weights])


def greedy(gigabytes=64):
    """Return a model that asks for so much memory."""
    nodes = [
        *_MEAN,
        helper.make_node("ReduceMean", ["x"], ["one"], keepdims=0),
        helper.make_node("Expand", ["one", "shape"], ["vast"]),
        helper.make_node("ReduceMax", ["vast"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "zero"], ["nothing"]),
        helper.make_node("Add", ["flat", "nothing"], ["y"]),
    ]
    return build(nodes, _X, _Y, [_number("zero", 0.0), ("shape", np.array([gigabytes, 1 << 28], np.int64))])


def golden_of(model, inputs=INPUTS):
    """Return golden samples of a model, as it computes them here."""
    session = open_session(model, host_config(), where="golden")
    return golden_file(inputs, np.stack([session.run({"x": one})["y"] for one in inputs]))


def golden_file(inputs, outputs):
    """Return golden samples as the bytes of a file."""
    file = io.BytesIO()
    np.savez(file, **{f"{INPUT}x": inputs, f"{OUTPUT}y": outputs})
    return file.getvalue()


def write(path, model, golden=None, *, version=1):
    """Write the package of a model, and return its path; without golden samples they are computed here."""
    golden = golden_of(model) if golden is None else golden
    manifest = describe_colors(model)
    entry = FileEntry.of("golden/fp32.npz", golden)
    variants = {"fp32": replace(manifest.variants["fp32"], golden=entry)}
    manifest = replace(manifest, version=version, variants=variants)
    write_package(path, manifest, {"variants/fp32/model.onnx": model, "golden/fp32.npz": golden})
    return path


def _number(name, value):
    return name, np.array(value, np.float32)
