"""The cost model against published times (reference in device_profiles/*.toml, `sources`), and its own laws."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from edge_sdk.profiles import load_profile
from edge_sdk.quantize.costs import gain_of, modelled
from edge_sdk.quantize.graph import weighted_layers
from tests.quantize.models import clean
from tests.quantize.timed_networks import mobilenet_v1, resnet18

CHAIN = (
    "(float[1,64,32,32] x, float[64,64,3,3] a, float[64,64,3,3] b, float[64,64,3,3] c, float[64,64,3,3] d, "
    "float[64,64,3,3] e) => (float[] y) { t = Conv<pads = [1,1,1,1]>(x, a) t2 = Relu(t) "
    "u = Conv<pads = [1,1,1,1]>(t2, b) u2 = Relu(u) v = Conv<pads = [1,1,1,1]>(u2, c) v2 = Relu(v) "
    "w = Conv<pads = [1,1,1,1]>(v2, d) w2 = Relu(w) y = Conv<pads = [1,1,1,1]>(w2, e) }"
)


@cache
def network(name):
    return {"mobilenet": mobilenet_v1, "resnet18": resnet18}[name]()


def on_four_threads(name):
    board = load_profile(name)
    return replace(board, threads=replace(board.threads, intra_op=4))


@pytest.mark.parametrize(
    ("board", "name", "exact_ms", "int8_ms"),
    [
        ("raspberry-pi-zero-2-w", "mobilenet", 163.2, 91.0),
        ("raspberry-pi-zero-2-w", "resnet18", 353.5, 195.5),
        ("raspberry-pi-3b-plus", "mobilenet", 108.7, 67.0),
        ("raspberry-pi-3b-plus", "resnet18", 271.9, 160.1),
        ("raspberry-pi-4b", "mobilenet", 61.2, 34.4),
        ("raspberry-pi-4b", "resnet18", 123.1, 83.9),
    ],
)
def test_the_times_of_a_board_without_dotprod_are_those_published(board, name, exact_ms, int8_ms):
    costs = modelled(network(name), on_four_threads(board), "arm-int8")
    time_ms = costs.of(network(name), "arm-int8")
    assert costs.unit == "ms"
    assert costs.exact == pytest.approx(exact_ms, rel=0.1)
    assert time_ms == pytest.approx(int8_ms, rel=0.1)
    assert costs.exact / time_ms == pytest.approx(exact_ms / int8_ms, rel=0.12)


@pytest.mark.parametrize(("name", "over_fp16"), [("mobilenet", 9.00 / 8.68), ("resnet18", 19.96 / 16.74)])
def test_a_raspberry_pi_5_lies_between_one_librarys_fp16_and_another_librarys_int8(name, over_fp16):
    gain = gain_of(network(name), on_four_threads("raspberry-pi-5"), "arm-int8")
    assert gain / 2 == pytest.approx(over_fp16, rel=0.15), "ncnn's float is fp16, twice as fast as float32"
    assert 1.99 * 0.9 < gain < 2.7, "onnxruntime's on a small detector, and Arm's own kernels on MobileNetV2"


def test_the_boards_stand_in_the_published_order():
    boards = ("raspberry-pi-zero-2-w", "raspberry-pi-3b-plus", "raspberry-pi-4b", "raspberry-pi-5")
    for name in ("mobilenet", "resnet18"):
        times = [
            modelled(network(name), on_four_threads(board), "arm-int8").of(network(name), "arm-int8")
            for board in boards
        ]
        assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("board", ["jetson-orin-nx", "jetson-orin-nano", "jetson-orin-nano-super", "jetson-agx-orin"])
def test_int8_on_a_jetson_gains_over_fp16_what_tensorrt_was_seen_to_gain(board):
    for name in ("mobilenet", "resnet18"):
        assert 1.1 <= gain_of(network(name), load_profile(board), "tensorrt-int8") <= 1.6
        assert 1.5 <= gain_of(network(name), load_profile(board), "fp16") <= 2.2


def test_a_board_without_figures_is_told_in_percent_of_float():
    board = replace(load_profile("raspberry-pi-5"), speed=None)
    costs = modelled(network("mobilenet"), board, "arm-int8")
    assert (costs.unit, costs.exact) == ("% of float", pytest.approx(100.0))
    assert "from its CPU's features and clock; nothing was run there" in costs.basis
    slower = replace(board, cpu=replace(board.cpu, features=frozenset({"neon"})))
    assert gain_of(network("resnet18"), slower, "arm-int8") < gain_of(network("resnet18"), board, "arm-int8")


def test_neighbours_in_float_share_their_conversions():
    graph, board = clean(CHAIN), load_profile("raspberry-pi-4b")
    costs = modelled(graph, board, "arm-int8")
    _, second, third, fourth, _ = (node.name for node in weighted_layers(graph))
    none, one, other, both = (
        costs.of(graph, "arm-int8", names) for names in ((), (second,), (third,), (second, third))
    )
    apart = costs.of(graph, "arm-int8", (second, fourth))
    assert none < one < both < one + other - none
    assert both < apart


def test_all_layers_in_float_take_what_float_takes():
    graph, board = clean(CHAIN), load_profile("raspberry-pi-5")
    costs = modelled(graph, board, "arm-int8")
    everything = [node.name for node in weighted_layers(graph)]
    assert costs.of(graph, "arm-int8", everything) == pytest.approx(costs.exact)


def test_a_float_layer_in_a_half_precision_variant_costs_its_casts():
    graph, board = clean(CHAIN), load_profile("jetson-orin-nx")
    costs = modelled(graph, board, "fp16")
    middle = [node.name for node in weighted_layers(graph)][1]
    lost = costs.operators[middle].exact - costs.operators[middle].quantized
    assert costs.of(graph, "fp16", [middle]) > costs.of(graph, "fp16") + lost > costs.of(graph, "fp16")


def test_an_operator_that_tensorrt_fuses_with_an_int8_layer_needs_no_conversion():
    text = (
        "(float[1,64,32,32] x, float[64,64,3,3] a, float[64,64,3,3] b) => (float[] y) "
        "{ t = Conv<pads = [1,1,1,1]>(x, a) t2 = Relu(t) u = Conv<pads = [1,1,1,1]>(t2, b) s = Add(u, t2) y = Relu(s) }"
    )
    graph, board = clean(text), load_profile("jetson-orin-nx")
    costs = modelled(graph, board, "tensorrt-int8")
    inner = sum(cost.quantized for cost in costs.operators.values())
    assert costs.of(graph, "tensorrt-int8") == pytest.approx(inner + costs.quantize["x"])


def test_a_variant_of_another_graph_is_held_against_the_float_model_itself():
    board = load_profile("raspberry-pi-5")
    costs = modelled(clean(CHAIN), board, "arm-int8", network("mobilenet"))
    assert costs.exact == modelled(network("mobilenet"), board, "arm-int8").exact
    assert costs.operators == modelled(clean(CHAIN), board, "arm-int8").operators
