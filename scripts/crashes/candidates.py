"""Packages of a tiny model that names a picture's strongest colour, good and bad, with true golden samples."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_sdk.package import FileEntry, Manifest, Provenance, Variant, write_package
from edge_sdk.package.golden import INPUT, OUTPUT
from edge_sdk.preprocess import ImageSteps, Preprocess
from edge_sdk.session import host_config, open_session
from edge_sdk.tasks import TaskSpec
from edge_sdk.tensors import TensorSpec

LABELS = ("red", "green", "blue")
INPUTS = np.random.default_rng(1).random((4, 1, 3, 32, 48), np.float32) * 0.5
_SHAPES = {"x": (1, 3, 32, 48), "y": (1, 3)}
_SPREAD = [
    helper.make_node("ReduceMax", ["flat"], ["most"], keepdims=0),
    helper.make_node("ReduceMin", ["flat"], ["least_of"], keepdims=0),
    helper.make_node("Sub", ["most", "least_of"], ["spread"]),
]
"""How far the means of the colours are apart: little in noise and in grey, much in a picture of one colour."""
_MEAN = [helper.make_node("GlobalAveragePool", ["x"], ["mean"]), helper.make_node("Flatten", ["mean"], ["flat"])]


def good(scale: float = 10.0) -> bytes:
    """Return a model; another scale makes another model that says the same."""
    return _build([*_MEAN, helper.make_node("Mul", ["flat", "scale"], ["y"])], [_number("scale", scale)])


def nan(above: float = 0.5) -> bytes:
    """Return a model that gives no numbers for pictures whose colours are further apart than so much."""
    nodes = [
        *_MEAN,
        *_SPREAD,
        helper.make_node("Sub", ["above", "spread"], ["left"]),
        helper.make_node("Sqrt", ["left"], ["root"]),
        helper.make_node("Mul", ["root", "zero"], ["nothing"]),
        helper.make_node("Add", ["flat", "nothing"], ["y"]),
    ]
    return _build(nodes, [_number("above", above), _number("zero", 0.0)])


def constant() -> bytes:
    """Return a model that says the same whatever it sees."""
    nodes = [
        *_MEAN,
        helper.make_node("Mul", ["flat", "zero"], ["none"]),
        helper.make_node("Add", ["none", "say"], ["y"]),
    ]
    return _build(nodes, [_number("zero", 0.0), ("say", np.array([[0.1, 0.2, 0.7]], np.float32))])


def slow(rounds: int = 60) -> bytes:
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
    return _build(nodes, weights)


def crashing(above: float = 0.5) -> bytes:
    """Return a model that kills its process on pictures whose colours are further apart than so much; on x86 alone.

    onnxruntime 1.32 checks divisions by zero, and not the least integer by -1, which overflows: SIGFPE.
    """
    nodes = [
        *_apart(),
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
    return _build(nodes, [_number("above", above), _number("zero", 0.0), *weights])


def stuck(above: float = 0.5) -> bytes:
    """Return a model that counts for minutes on pictures whose colours are further apart than so much."""
    inputs, outputs = (
        [helper.make_tensor_value_info(name, kind, []) for name, kind in end]
        for end in (
            (("n", TensorProto.INT64), ("c", TensorProto.BOOL), ("v", TensorProto.FLOAT)),
            (("d", TensorProto.BOOL), ("w", TensorProto.FLOAT)),
        )
    )
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"]), helper.make_node("Sin", ["v"], ["w"])], "count", inputs, outputs
    )
    nodes = [
        *_apart(),
        helper.make_node("Cast", ["is_apart"], ["one"], to=TensorProto.INT64),
        helper.make_node("Mul", ["one", "rounds"], ["times"]),
        helper.make_node("Loop", ["times", "", "spread"], ["last"], body=body),
        helper.make_node("Mul", ["last", "zero"], ["nothing"]),
        helper.make_node("Add", ["flat", "nothing"], ["y"]),
    ]
    rounds = ("rounds", np.array(1 << 40, np.int64))
    return _build(nodes, [_number("above", above), _number("zero", 0.0), rounds])


def stubborn(says: int = 1) -> bytes:
    """Return a model that always says the same colour, and sees its input a little."""
    nodes = [
        *_MEAN,
        helper.make_node("Mul", ["flat", "little"], ["least"]),
        helper.make_node("Add", ["least", "say"], ["y"]),
    ]
    say = np.eye(3, dtype=np.float32)[[says]] * 9
    return _build(nodes, [_number("little", 0.01), ("say", say)])


def greedy_later(above: float = 0.5) -> bytes:
    """Return a model that asks for 64 TiB on pictures whose colours are further apart than so much."""
    nodes = [
        *_apart(),
        helper.make_node("Cast", ["is_apart"], ["one"], to=TensorProto.INT64),
        helper.make_node("Mul", ["one", "many"], ["rows"]),
        helper.make_node("Add", ["rows", "least_rows"], ["shape"]),
        helper.make_node("Expand", ["spread", "shape"], ["vast"]),
        helper.make_node("ReduceMax", ["vast"], ["top"], keepdims=0),
        helper.make_node("Mul", ["top", "zero"], ["nothing"]),
        helper.make_node("Add", ["flat", "nothing"], ["y"]),
    ]
    shape = [("many", np.array([1 << 24, 0], np.int64)), ("least_rows", np.array([1, 1 << 20], np.int64))]
    return _build(nodes, [_number("above", above), _number("zero", 0.0), *shape])


def greedy(gigabytes: int = 64) -> bytes:
    """Return a model that asks for so much memory."""
    nodes = [
        *_MEAN,
        helper.make_node("ReduceMean", ["x"], ["one"], keepdims=0),
        helper.make_node("Expand", ["one", "shape"], ["vast"]),
        helper.make_node("ReduceMax", ["vast"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "zero"], ["nothing"]),
        helper.make_node("Add", ["flat", "nothing"], ["y"]),
    ]
    return _build(nodes, [_number("zero", 0.0), ("shape", np.array([gigabytes, 1 << 28], np.int64))])


def golden_of(model: bytes, inputs: np.ndarray = INPUTS) -> bytes:
    """Return golden samples of a model, as it computes them here."""
    session = open_session(model, host_config(), where="golden")
    return golden_file(inputs, np.stack([session.run({"x": one})["y"] for one in inputs]))


def golden_file(inputs: np.ndarray, outputs: np.ndarray) -> bytes:
    """Return golden samples as the bytes of a file."""
    file = io.BytesIO()
    np.savez(file, **{f"{INPUT}x": inputs, f"{OUTPUT}y": outputs})
    return file.getvalue()


def write(path: Path, model: bytes, golden: bytes | None = None, *, version: int = 1, padding: bytes = b"") -> Path:
    """Write the package of a model, and return its path; without golden samples they are computed here.

    Args:
        path: Where.
        model: The model.
        golden: Its golden samples, as a file.
        version: Its version.
        padding: What else lies in the package, to make it as large as wanted.
    """
    contents = {
        "variants/fp32/model.onnx": model,
        "golden/fp32.npz": golden_of(model) if golden is None else golden,
        "report.html": padding,
    }
    entries = {name: FileEntry.of(name, data) for name, data in contents.items()}
    ends = [(TensorSpec(name, "float32", shape),) for name, shape in _SHAPES.items()]
    variant = Variant(
        entries["variants/fp32/model.onnx"], 17, 9, 0.0, None, golden=entries["golden/fp32.npz"], min_snr_db=30.0
    )
    manifest = Manifest(
        name="colors",
        version=version,
        task=TaskSpec("classification", top_k=3),
        inputs=ends[0],
        outputs=ends[1],
        labels=LABELS,
        preprocess=Preprocess(image=ImageSteps(size_wh=(48, 32), resize="letterbox")),
        variants={"fp32": variant},
        provenance=Provenance("5" * 64, "c" * 64, 1, ("raspberry-pi-5",), {}),
        files=(entries["report.html"],),
    )
    write_package(path, manifest, contents)
    return path


def _apart() -> list[onnx.NodeProto]:
    return [*_MEAN, *_SPREAD, helper.make_node("Greater", ["spread", "above"], ["is_apart"])]


def _build(nodes: list[onnx.NodeProto], weights: Iterable[tuple[str, np.ndarray]]) -> bytes:
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)] for name, shape in _SHAPES.items()
    )
    constants = [numpy_helper.from_array(array, name) for name, array in weights]
    graph = helper.make_graph(nodes, "colors", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


def _number(name: str, value: float) -> tuple[str, np.ndarray]:
    return name, np.array(value, np.float32)
