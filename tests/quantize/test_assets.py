"""Real models (EDGE_SDK_ASSETS/models), quantized with random inputs: plan, file, and that it runs."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest

from edge_sdk.profiles import load_profile
from edge_sdk.quantize import ImageFlags, QuantRequest, families, plan_of_file, quantize
from edge_sdk.quantize.calibrate import collect
from edge_sdk.quantize.clean import clean_model, load_model
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.preview import preview_bytes
from edge_sdk.quantize.variants import choose
from edge_sdk.tensors import snr_db
from tests.quantize.models import MAX_OPSET, PI, TENSORRT_11, run, samples

ROOT = Path(os.environ.get("EDGE_SDK_ASSETS", Path(__file__).parents[3] / "shared" / "assets"))
JETSONS = (load_profile("jetson-xavier-nx"), load_profile("jetson-orin-nano"), TENSORRT_11)
CONVOLUTIONAL = (
    "cwru_cnn1d",
    "fastestdet_352",
    "kws_dscnn_mlperf",
    "mobilenet_v1_0.25_224_keras",
    "mobilenet_v2_1.0_224",
    "nanodet_m_416",
    "resnet8_cifar10",
    "squeezenet1.1_224",
    "ultraface_rfb_320",
    "vww_mobilenet_v1_0.25_96",
)


def cleaned(name, shapes):
    path = ROOT / "models" / f"{name}.onnx"
    if not path.exists():
        pytest.skip(f"no {name}.onnx in EDGE_SDK_ASSETS")
    return Graph(clean_model(load_model(path), where=name, max_opset=MAX_OPSET, shapes=shapes))


@cache
def quantized_asset(name):
    graph = cleaned(name, {})
    statistics = collect(graph, families.tensors_to_calibrate(["arm-int8"], graph), lambda: samples(graph, 2))
    return graph, families.emit("arm-int8", graph, statistics, "mse")


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_a_convolutional_model_runs_in_integers_on_a_raspberry_pi(name):
    graph, model = quantized_asset(name)
    plan = preview_bytes(model, PI, "arm-int8", families.place("arm-int8", graph).reasons)
    assert plan.integer_share >= 0.99
    assert [island.name for island in plan.islands if island.work > 0] == []


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_a_quantized_model_is_valid_and_gives_finite_outputs_of_the_same_shape(name):
    graph, model = quantized_asset(name)
    onnx.checker.check_model(onnx.load_from_string(model))
    sample = samples(graph)[0]
    expected, got = run(graph.model, sample), run(model, sample)
    assert {output: values.shape for output, values in got.items()} == {
        output: values.shape for output, values in expected.items()
    }
    assert all(np.isfinite(values).all() for values in got.values())


@pytest.mark.parametrize("name", [*CONVOLUTIONAL, "cwru_rf", "silero_vad_16k_op15"])
@pytest.mark.parametrize("board", JETSONS, ids=lambda board: board.name)
def test_what_a_jetson_gets_is_refused_nowhere(name, board):
    path = ROOT / "models" / f"{name}.onnx"
    if not path.exists():
        pytest.skip(f"no {name}.onnx in EDGE_SDK_ASSETS")
    shapes = {"input": (1, 576), "state": (2, 1, 128)} if name.startswith("silero") else {}
    plan = plan_of_file(path, board, shapes)
    assert plan.found("refused") == ()
    assert plan.integer_share > 0.8 or plan.half_share == 1.0 or plan.macs == 0


def test_a_forest_has_nothing_to_quantize():
    graph = cleaned("cwru_rf", {})
    assert families.place("arm-int8", graph).layers == frozenset()
    assert families.tensors_to_calibrate(["arm-int8", "tensorrt-int8"], graph) == ()
    model = onnx.load_from_string(families.emit("arm-int8", graph, {}, "mse"))
    assert [node.op_type for node in model.graph.node] == [node.op_type for node in graph.nodes]


def test_a_model_with_a_state_is_in_integers_its_lstm_too():
    graph = cleaned("silero_vad_16k_op15", {"input": (1, 576), "state": (2, 1, 128)})
    sound = np.random.default_rng(0).standard_normal((8, 1, 576)).astype(np.float32) * 0.1
    state = {"state": np.zeros((2, 1, 128), np.float32), "sr": np.array(16000)}
    inputs = [{"input": part, **state} for part in sound]
    statistics = collect(graph, families.tensors_to_calibrate(["arm-int8"], graph), lambda: inputs)
    model = families.emit("arm-int8", graph, statistics, "mse")
    plan = preview_bytes(model, PI, "arm-int8", {})
    assert (plan.integer_share, plan.operators["DynamicQuantizeLSTM"]) == (1.0, 1)
    expected, got = run(graph.model, inputs[0]), run(model, inputs[0])
    assert min(snr_db(values, got[name]) for name, values in expected.items()) > 25


def test_a_stream_keeps_its_states_with_ranges_of_each_inference():
    graph = cleaned("silero_vad_16k_op15", {"input": (1, 576), "state": (2, 1, 128)})
    model = families.emit("dynamic-int8", graph, {}, "minmax")
    assert len(model) / graph.model.ByteSize() < 0.30
    state = np.zeros((2, 1, 128), np.float32)
    for part in np.random.default_rng(0).standard_normal((20, 1, 576)).astype(np.float32) * 0.1:
        inputs = {"input": part, "state": state, "sr": np.array(16000)}
        expected, got = run(graph.model, inputs), run(model, inputs)
        assert snr_db(expected["stateN"], got["stateN"]) > 30
        assert abs(expected["output"] - got["output"]).max() < 0.02
        state = got["stateN"]


def test_keywords_by_convolutions_keep_calibrated_ranges():
    assert choose(PI, cleaned("kws_dscnn_mlperf", {})).family == "arm-int8"


@pytest.mark.parametrize("pick", ["knee", "fastest"])
def test_a_model_that_int8_spoils_is_mixed_and_stays_faster_than_float(tmp_path, pick):
    pictures = ROOT / "images"
    model = ROOT / "models" / "mobilenet_v1_0.25_224_keras.onnx"
    if not model.exists() or not pictures.exists():
        pytest.skip("no model and pictures in EDGE_SDK_ASSETS")
    flags = ImageFlags(normalize="symmetric", resize="crop:256", color="rgb")
    labels = pictures / "imagenet_labels.csv"
    asked = QuantRequest(model, (PI,), str(pictures / "imagenet"), flags, str(labels), pick=pick)
    (variant,) = quantize(asked, tmp_path / "m.edge").variants
    frontier = variant.frontier
    assert (variant.family, frontier.pick, frontier.chosen.holds) == ("arm-int8", pick, True)
    assert frontier.gain(frontier.chosen) >= PI.quantization.min_gain
    assert frontier.chosen.accuracy == variant.accuracy
    assert [point.time for point in frontier.points] == sorted(point.time for point in frontier.points)
