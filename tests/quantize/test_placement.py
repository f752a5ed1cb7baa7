from __future__ import annotations

import pytest

from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.placement import place_cpu, place_tensorrt
from tests.quantize.models import BLOCK, as_it_is, clean, load_cases, text_of

TENSORRT = load_cases("tensorrt")
CHAIN = (
    "(float[1,8,16,16] x, float[8,8,3,3] w, float[8,8,3,3] w2, float[8,8,3,3] w3) => (float[] y) "
    "{ a = Conv(x, w) g = Sigmoid(a) p = MaxPool<kernel_shape=[2,2]>(g) c = Conv(p, w2) r = Relu(c) y = Conv(r, w3) }"
)


@pytest.mark.parametrize("name", TENSORRT)
def test_the_placement_for_tensorrt_is_that_of_its_case(name):
    case = TENSORRT[name]
    placement = place_tensorrt(clean(text_of(case)), case.get("excluded", ()))
    assert sorted(placement.layers) == case["layers"]
    assert {tensor: sorted(names) for tensor, names in placement.readers.items()} == case["readers"]
    assert placement.reasons == case["reasons"]
    assert set(placement.tensors) == set(case["readers"])
    assert placement.same_range == case.get("same_range", {})


def test_integer_operators_carry_pairs_on_what_they_take_and_give():
    placement = place_cpu(clean(CHAIN))
    assert placement.layers == {"Conv_0", "Conv_3", "Conv_5"}
    assert placement.integer == placement.layers | {"Sigmoid_1", "MaxPool_2"}
    assert placement.tensors == ("x", "a", "g", "p", "r", "y")
    assert (placement.same_range, placement.absorbed) == ({"p": "g"}, {"r": "c"})


def test_operators_beside_an_excluded_layer_stay_float_unless_another_needs_them():
    placement = place_cpu(clean(CHAIN), ["Conv_3"])
    assert placement.integer == {"Conv_0", "Conv_5"}
    assert placement.reasons["Conv_3"] == "returned to float by the accuracy guard"
    assert placement.reasons["Sigmoid_1"] == "no int8 operator takes its result"
    assert (placement.tensors, placement.absorbed) == (("x", "a", "r", "y"), {})


def test_all_layers_excluded_leave_nothing_in_integers():
    placement = place_cpu(clean(CHAIN), ["Conv_0", "Conv_3", "Conv_5"])
    assert (placement.layers, placement.integer, placement.tensors) == (frozenset(), frozenset(), ())


def test_each_float_operator_has_a_reason():
    graph = clean(
        f"(float[1,8,16,16] x, {BLOCK}) => (float[] y) "
        "{ t = Tanh(x) p = MaxPool<kernel_shape=[2,2]>(t) a = Conv(p, w, b) c = Conv(a, w2, b2) y = Sigmoid(c) }"
    )
    assert place_cpu(graph).reasons == {
        "Tanh_0": "Tanh has no integer kernel in onnxruntime",
        "MaxPool_1": "what it takes is not in int8",
        "Sigmoid_4": "no int8 operator takes its result",
    }


def test_an_operator_before_the_first_layer_is_in_integers_where_the_input_reaches_it():
    graph = clean(
        f"(float[1,8,16,16] x, {BLOCK}) => (float[] y) {{ p = MaxPool<kernel_shape=[2,2]>(x) y = Conv(p, w, b) }}"
    )
    assert place_cpu(graph).integer == {"MaxPool_0", "Conv_1"}


def test_a_sum_with_a_float_result_is_in_integers_for_its_integer_side():
    graph = clean(
        f"(float[1,8,16,16] x, {BLOCK}) => (float[] y) "
        "{ t = Tanh(x) s = Add(x, t) a = Conv(s, w, b) y = Conv(a, w2, b2) }"
    )
    placement = place_cpu(graph)
    assert "Add_1" in placement.integer
    assert placement.tensors[:2] == ("x", "t")


def test_an_operator_of_another_domain_is_not_taken_for_the_standard_one():
    model = as_it_is(
        f"(float[1,8,9,9] x, {BLOCK}) => (float[] y) {{ a = Conv(x, w, b) s = Sigmoid(a) y = Conv(s, w2, b2) }}"
    )
    model.graph.node[1].domain = "my"
    assert place_cpu(Graph(model)).integer == {"Conv_0", "Conv_2"}


def test_a_matrix_product_gives_float_where_nobody_needs_integers():
    text = "(float[3,16] x, float[16,8] w, float[8,4] w2) => (float[] y) { a = Gemm(x, w) y = Gemm(a, w2) }"
    assert place_cpu(clean(text)).tensors == ("x", "a")
