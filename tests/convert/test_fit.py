from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edge_sdk import metadata
from edge_sdk.convert.diverge import first_divergence
from edge_sdk.convert.fit import declare, fit_model, opset_of
from edge_sdk.errors import InputError
from edge_sdk.preprocess import ImageSteps, Preprocess


def build_chain(opset=18, ir=10):
    """Build y = relu(x) * 2 + 1, in NCHW."""
    constants = [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in (("two", 2), ("one", 1))]
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="relu"),
        helper.make_node("Mul", ["a", "two"], ["b"], name="mul"),
        helper.make_node("Add", ["b", "one"], ["y"], name="add"),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3, 2, 4]) for name in "xy")
    graph = helper.make_graph(nodes, "chain", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)


def test_a_newer_operator_set_goes_down_to_what_the_board_loads():
    model = fit_model(build_chain(opset=18).SerializeToString(), opset=17, max_ir=8, where="m")
    assert (opset_of(model), model.ir_version) == (17, 8)
    onnx.checker.check_model(model)


def test_an_operator_set_that_is_low_enough_stays():
    assert opset_of(fit_model(build_chain(opset=15).SerializeToString(), opset=17, max_ir=10, where="m")) == 15


def test_an_ir_version_that_no_board_loads_is_refused():
    with pytest.raises(InputError, match="m: expected ONNX IR version 7 or older, got 8 for operator set 17"):
        fit_model(build_chain(opset=17).SerializeToString(), opset=17, max_ir=7, where="m")


def test_facts_are_json_in_the_metadata_and_replace_older_ones():
    model = build_chain()
    declare(model, {metadata.LABELS: ("old",)})
    declare(model, {metadata.LABELS: ("a", "b"), metadata.PREPROCESS: Preprocess(image=ImageSteps((4, 2)))})
    told = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert told[metadata.LABELS] == ["a", "b"]
    assert told[metadata.PREPROCESS]["image"]["size_wh"] == [4, 2]


def test_the_first_layer_that_diverges_is_named_in_another_layout():
    feed = {"x": np.random.default_rng(0).standard_normal((1, 3, 2, 4)).astype(np.float32)}
    relu = np.maximum(feed["x"], 0)
    layers = [("entry", relu), ("scale", relu * 3), ("shift", relu * 3 + 1)]
    nhwc = [(name, np.moveaxis(array, 1, -1)) for name, array in layers]
    for told in (layers, nhwc):
        said = first_divergence(build_chain(), told, feed, min_snr_db=80)
        assert said.startswith("scale, behind entry, which is still the same; nearest is ")


def test_a_layer_without_a_counterpart_is_no_divergence():
    x = np.random.default_rng(0).standard_normal((1, 3, 2, 4)).astype(np.float32)
    feed, relu = {"x": x}, np.maximum(x, 0)
    layers = [("entry", relu), ("folded", relu * 7), ("shift", relu * 2 + 1)]
    assert first_divergence(build_chain(), layers, feed, min_snr_db=80) == ""


def test_a_reduction_keeps_no_attribute_of_the_newer_operator_set():
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    node = helper.make_node("ReduceMean", ["x", "axes"], ["y"], keepdims=0, noop_with_empty_axes=0)
    graph = helper.make_graph([node], "mean", [x], [y], [axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    fitted = fit_model(model.SerializeToString(), opset=17, max_ir=8, where="m")
    assert {one.name for one in fitted.graph.node[0].attribute} == {"axes", "keepdims"}
