from __future__ import annotations

import re

import numpy as np
import onnx
import pytest
from onnx import helper, parser

from edge_sdk.errors import InputError
from edge_sdk.quantize.clean import clean_model, load_model
from edge_sdk.quantize.graph import Graph
from edge_sdk.tensors import snr_db
from tests.quantize.models import AS_WRITTEN, build, run

NET = (
    "(float[N,8,16,16] x, float[16,8,3,3] w, float[16] s, float[16] t, float[16] m, float[16] v) => (float[N,16] y) "
    "{ a = Conv(x, w) n = BatchNormalization(a, s, t, m, v) r = Relu(n) p = GlobalAveragePool(r) y = Flatten(p) }"
)
FREE = "(float[N,8,H,16] x, float[16,8,3,3] w) => (float[N,16,?,14] y) { y = Conv(x, w) }"
FUNCTION = """<ir_version: 8, opset_import: ["" : 11, "local" : 1]>
g (float[1,8] x) => (float[1,8] y) { y = local.twice(x) }
<domain: "local", opset_import: ["" : 11]> twice (a) => (b) { c = Relu(a) b = Add(c, c) }"""
HOSTILE = {
    "truncated.onnx": lambda data: data[: len(data) // 2],
    "text.onnx": lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n",
    "page.onnx": lambda _: b"<!doctype html><html></html>",
    "bytes.onnx": lambda _: bytes(range(256)) * 20,
    "model.json": lambda _: b'{"graph": ',
}


def net(opset=17, **values):
    return build(NET, opset=opset, v=np.full(16, 2.0), s=np.full(16, 1.5), **values)


def saved(tmp_path, model):
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def cleaned(model, *, max_opset=20, shapes=None):
    return clean_model(model, where="model.onnx", max_opset=max_opset, shapes=shapes)


def test_a_model_is_read_with_its_weights(tmp_path):
    model = net()
    assert load_model(saved(tmp_path, model)) == model


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_model_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(HOSTILE[name](net().SerializeToString()))
    with pytest.raises(InputError, match=r"expected an ONNX model, got a file that cannot be read as one"):
        load_model(path)


@pytest.mark.parametrize(("data", "missing"), [(b"", "an operator set"), (None, "operators")])
def test_a_model_of_nothing_is_refused(tmp_path, data, missing):
    path = saved(tmp_path, onnx.ModelProto(opset_import=[helper.make_opsetid("", 17)]))
    path.write_bytes(path.read_bytes() if data is None else data)
    with pytest.raises(InputError, match=f"expected an ONNX model, got one without {missing}$"):
        load_model(path)


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected a readable file, got Is a directory$"):
        load_model(tmp_path)
    with pytest.raises(InputError, match=r"expected a readable file, got No such file or directory$"):
        load_model(tmp_path / "none.onnx")


def test_a_file_beyond_two_gibibytes_is_refused_unread(tmp_path):
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.truncate(1 << 31)
    with pytest.raises(InputError, match=r"expected a model below 2 GiB, got 2147483648 bytes$"):
        load_model(path)


def test_an_operator_set_that_is_too_new_is_refused(tmp_path):
    model = net()
    model.opset_import[0].version = 99
    with pytest.raises(InputError, match=r"expected operator set \d+ or older, got 99$") as caught:
        load_model(saved(tmp_path, model))
    assert caught.value.hint == "export the model with an older opset, such as 17"


def test_a_model_against_the_rules_is_refused(tmp_path):
    model = net()
    model.graph.node[1].input[0] = "nobody"
    with pytest.raises(InputError, match=r"expected a valid ONNX model, got: Nodes in a graph must be topologically"):
        load_model(saved(tmp_path, model))


def test_weights_in_a_file_beside_the_model_are_read(tmp_path):
    path, model = tmp_path / "model.onnx", net()
    onnx.save(net(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (tmp_path / "weights.bin").stat().st_size >= 4 * 16 * 8 * 9
    np.testing.assert_array_equal(Graph(load_model(path)).constants["w"], Graph(model).constants["w"])


@pytest.mark.parametrize("data", [None, b"12"])
def test_weights_that_are_missing_beside_the_model_are_told(tmp_path, data):
    path = tmp_path / "model.onnx"
    onnx.save(net(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    (tmp_path / "weights.bin").unlink()
    if data is not None:
        (tmp_path / "weights.bin").write_bytes(data)
    with pytest.raises(InputError, match=r"expected an ONNX model, got a file that cannot be read as one"):
        load_model(path)


def test_weights_outside_the_folder_are_refused(tmp_path):
    model = net()
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "../../etc/passwd")
    model.graph.initializer[0].ClearField("raw_data")
    with pytest.raises(InputError, match=r"points outside the directory"):
        load_model(saved(tmp_path, model))


@pytest.mark.parametrize(
    ("opset", "max_opset", "written"),
    [(9, 20, 13), (11, 28, 13), (13, 15, 13), (17, 20, 17), (21, 15, 15), (22, 20, 20)],
)
def test_the_operator_set_is_one_that_can_be_quantized_and_loaded(opset, max_opset, written):
    model = net(opset)
    graph = Graph(cleaned(model, max_opset=max_opset))
    assert graph.opset == written
    assert [node.op_type for node in graph.nodes] == ["Conv", "Relu", "GlobalAveragePool", "Flatten"]
    sample = {"x": np.random.default_rng(0).standard_normal((1, 8, 16, 16)).astype(np.float32)}
    assert snr_db(run(model, sample)["y"], run(graph.model, sample)["y"]) > 100


def test_a_model_of_opset_9_with_its_weights_as_inputs_is_cleaned():
    model = net(9)
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    assert [value.name for value in cleaned(model).graph.input] == ["x"]


def test_an_operator_that_the_older_set_has_not_is_told():
    model = build("(float[1,8] x) => (float[1,8] y) { y = Gelu(x) }", opset=21)
    message = "model.onnx: expected operator set 13 to 15, got 21, which cannot be converted: "
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        cleaned(model, max_opset=15)
    assert caught.value.hint == "export the model again with opset 15"


def test_functions_of_the_model_are_written_out_before_it_is_converted():
    clean = cleaned(parser.parse_model(FUNCTION))
    assert [node.op_type for node in clean.graph.node] == ["Relu", "Add"]
    assert not clean.functions


def test_the_model_itself_is_not_changed():
    model = net(9)
    before = model.SerializeToString()
    cleaned(model)
    assert model.SerializeToString() == before


def test_free_sizes_that_are_told_are_fixed():
    graph = Graph(cleaned(build(FREE), shapes={"x": (2, 8, 20, 16)}))
    assert (graph.shapes["x"], graph.shapes["y"]) == ((2, 8, 20, 16), (2, 16, 18, 14))


def test_a_free_first_size_is_one():
    assert Graph(cleaned(net())).shapes["y"] == (1, 16)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({}, "expected the size of x axis 2 (H), got nothing"),
        ({"x": (1, 9, 20, 16)}, "expected size 8 of x axis 1, got 9"),
        ({"x": (1, 8, 0, 16)}, "expected a size of 1 or more of x axis 2, got 0"),
        ({"x": (1, 8)}, "expected 4 sizes for x, got 2"),
        ({"image": (1, 8, 20, 16)}, "expected a shape for one of its inputs (x), got image"),
    ],
)
def test_sizes_that_are_missing_or_contradict_are_told(shapes, message):
    with pytest.raises(InputError, match=rf"^model\.onnx: {re.escape(message)}$"):
        cleaned(build(FREE), shapes=shapes)


def test_the_hint_for_a_free_size_names_the_flag():
    with pytest.raises(InputError) as caught:
        cleaned(build(FREE))
    assert caught.value.hint == "give all sizes of the input, such as --input-shape NAME=1x3x224x224"


@pytest.mark.parametrize("operator", ["Foo", "my.Foo"])
def test_an_operator_that_onnxruntime_has_not_is_told(operator):
    model = build(f"(float[1,8] x) => (float[1,8] y) {{ y = {operator}(x) }}")
    with pytest.raises(InputError, match=r"^model\.onnx: expected a model that onnxruntime can load, got .*Foo"):
        cleaned(model)


def test_constants_are_folded_and_identities_go():
    text = (
        "(float[1,4] x, float[4] k, float[4] l) => (float[1,4] y) { c = Mul(k, l) d = Identity(x) e = Dropout(d) "
        "y = Add(e, c) }"
    )
    graph = Graph(cleaned(build(text, k=[1, 2, 3, 4], l=[5, 6, 7, 8])))
    assert [node.op_type for node in graph.nodes] == ["Add"]
    np.testing.assert_array_equal(graph.constants[graph.nodes[0].input[1]], [5, 12, 21, 32])


def test_each_operator_has_a_name_of_its_own():
    model = build("(float[1,4] x) => (float[1,4] y) { a = Relu(x) b = Tanh(a) y = Sigmoid(b) }")
    model.graph.node[1].name = "Relu_0"
    assert [node.name for node in cleaned(model).graph.node] == ["Relu_0", "Relu_0_", "Sigmoid_2"]


def test_branches_keep_their_weights_and_their_operator_sets():
    text = (
        "(float[1,4] x, bool x2, float[1,4] k) => (float[1,4] y) { r = Relu(x) y = If(x2)"
        "<then_branch=t () => (float[1,4] p) { p = Add(r, k) },"
        " else_branch=e () => (float[1,4] q) { q = com.microsoft.Gelu(r) }> }"
    )
    model, sample = build(text, k=[[1, 2, 3, 4]]), {"x": np.ones((1, 4), np.float32), "x2": np.array(True)}
    clean = cleaned(model)
    onnx.checker.check_model(clean)
    np.testing.assert_array_equal(run(clean, sample)["y"], [[2, 3, 4, 5]])
    assert {entry.domain for entry in clean.opset_import} == {"", "com.microsoft"}


def test_a_model_without_standard_operators_gets_an_operator_set_that_the_board_loads():
    node = helper.make_node("Scaler", ["x"], ["y"], domain="ai.onnx.ml", offset=[0.0], scale=[2.0])
    ends = [[helper.make_tensor_value_info(name, 1, [1, 3])] for name in "xy"]
    graph = helper.make_graph([node], "g", *ends)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("ai.onnx.ml", 1)], ir_version=8)
    assert Graph(cleaned(model, max_opset=15)).opset == 13


def test_an_operator_set_that_is_written_twice_becomes_one():
    model = build("(float[1,4] x) => (float[] y) { y = Tanh(x) }", opset=15)
    model.opset_import.add(domain="", version=15)
    cleaned = clean_model(model, where="m", max_opset=13)
    assert [(entry.domain, entry.version) for entry in cleaned.opset_import] == [("", 13)]


def test_the_file_format_is_the_oldest_that_the_operator_set_allows():
    assert cleaned(net(21), max_opset=15).ir_version == 8


def test_a_cleaned_model_computes_the_same():
    model, sample = net(), {"x": np.random.default_rng(0).standard_normal((1, 8, 16, 16)).astype(np.float32)}
    assert snr_db(run(model, sample)["y"], run(cleaned(model), sample, AS_WRITTEN)["y"]) > 100
