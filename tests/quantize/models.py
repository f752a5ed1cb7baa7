"""How the tests of the quantizer's core make, quantize and run small models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, parser, shape_inference

from edge_sdk.profiles import load_profile, read_profile
from edge_sdk.quantize import families
from edge_sdk.quantize.calibrate import collect
from edge_sdk.quantize.clean import clean_model
from edge_sdk.quantize.graph import Graph
from edge_sdk.session import SessionConfig, arm_config, host_config, open_session

CASES = Path(__file__).parents[1] / "cases" / "quantize"
PI = load_profile("raspberry-pi-5")
MAX_OPSET = 20
TENSORRT_11 = read_profile(CASES / "tensorrt-11.toml")
"""An Orin with JetPack 7.2, whose TensorRT takes the types of the file only."""
AS_ON_ARM = arm_config().entries
AS_WRITTEN = host_config({"session.disable_quant_qdq": "1"}).entries
BLOCK = "float[16,8,3,3] w, float[16] b, float[8,16,3,3] w2, float[8] b2"
"""The weights of two convolutions, 8 to 16 to 8 channels."""


def load_cases(folder):
    """Return the cases of a folder by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted((CASES / folder).glob("*.json"))}


def build(text, *, opset=17, seed=0, **values):
    """Return a model from ONNX text; its parameters are weights, random or given, but those called x, x2, …."""
    head = f'<ir_version: 8, opset_import: ["" : {opset}, "com.microsoft" : 1]> g '
    model = parser.parse_model(head + text)
    rng = np.random.default_rng(seed)
    inputs = [value for value in model.graph.input if value.name[0] == "x"]
    for value in model.graph.input:
        if value not in inputs:
            array = _weights(value, rng) if value.name not in values else _typed(value, values[value.name])
            model.graph.initializer.append(numpy_helper.from_array(array, value.name))
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    return model


def text_of(case):
    """Return the ONNX text of a case."""
    first, *nodes = case["model"]
    return "\n".join([f"{first} {{", *nodes, "}"])


def as_it_is(text, **values):
    """Return a model from ONNX text uncleaned, with named operators and known shapes."""
    model = build(text, **values)
    for index, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{index}"
    return shape_inference.infer_shapes(model)


def clean(text, *, max_opset=MAX_OPSET, **values):
    """Return the cleaned graph of a model from ONNX text."""
    return Graph(clean_model(build(text, **values), where="model", max_opset=max_opset))


def samples(graph, count=8, *, seed=1):
    """Return random inputs of a graph: of unit deviation, every other truth value true."""
    rng = np.random.default_rng(seed)
    return [
        {
            name: rng.standard_normal(graph.shapes[name]).astype(np.float32)
            if graph.is_float(name)
            else np.full(graph.shapes[name], i % 2 == 0)
            for name in graph.inputs
        }
        for i in range(count)
    ]


def calibrated(graph, family="arm-int8"):
    """Return what calibration sees of a graph."""
    tensors = families.tensors_to_calibrate([family], graph)
    return collect(graph, tensors, lambda: samples(graph)) if tensors else {}


def quantized(graph, family="arm-int8", *, excluded=(), method="mse"):
    """Return the serialized variant of a graph."""
    return families.emit(family, graph, calibrated(graph, family), method, excluded)


def entries_of(family):
    """Return how onnxruntime computes a family exactly on this machine, whatever its kernels."""
    if family.startswith("tensorrt"):
        return AS_WRITTEN
    return host_config().entries if family.startswith("x86") else AS_ON_ARM


def run(model, tensors, entries=None):
    """Return the outputs of a model, computed as on ARM where nothing else is said."""
    data = model if isinstance(model, bytes) else model.SerializeToString()
    return open_session(data, SessionConfig(entries=AS_ON_ARM if entries is None else entries), where="m").run(tensors)


def _weights(value, rng):
    shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
    if value.type.tensor_type.elem_type == TensorProto.INT8:
        return rng.integers(-127, 128, shape, np.int8)
    gain = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
    return (rng.standard_normal(shape) * gain).astype(np.float32)


def _typed(value, content):
    return np.asarray(content, helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
