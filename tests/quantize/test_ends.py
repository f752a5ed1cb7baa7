from __future__ import annotations

import cv2
import numpy as np
import onnx
import pytest

from edge_sdk.preprocess import ImageSteps, Preprocess
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import QuantRequest, families, quantize
from edge_sdk.quantize.clean import clean_model
from edge_sdk.quantize.ends import end_in_float
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.placement import place_cpu
from edge_sdk.quantize.recovery import reconstruct
from edge_sdk.session import host_config
from edge_sdk.tensors import snr_db
from tests.quantize.detectors import backbone
from tests.quantize.models import AS_ON_ARM, MAX_OPSET, calibrated, quantized, run, samples
from tests.quantize.networks import Network

SIZE_WH = (96, 64)


def maps(channels=20, **settings):
    """Return the graph of a network that ends with a convolution, whose name is the last one's."""
    net, x = backbone()
    return Graph(clean_model(net.model(SIZE_WH, [net.conv(x, channels, **settings)]), where="m", max_opset=MAX_OPSET))


def kinds(model):
    return [node.op_type for node in onnx.load_from_string(model).graph.node if "DequantizeLinear" not in node.op_type]


@pytest.mark.parametrize(("family", "entries"), [("arm-int8", AS_ON_ARM), ("x86-int8", host_config().entries)])
def test_what_the_last_convolution_gives_is_not_rounded(family, entries):
    graph = maps()
    sample = samples(graph)[0]
    exact, got = (next(iter(run(model, sample, entries).values())) for model in (graph.model, quantized(graph, family)))
    assert got.shape == exact.shape == (1, 20, 8, 12)
    assert len(np.unique(got)) > 1000, "in steps of int8 there are at most 256 values"
    assert snr_db(exact, got) > 33


def test_the_product_has_the_name_and_the_values_of_the_convolution():
    graph = maps()
    ended = end_in_float(graph, place_cpu(graph))
    (layer,) = [node for node in ended.graph.nodes if node.op_type == "Gemm"]
    assert (layer.name, ended.graph.macs(layer)) == (graph.nodes[-1].name, graph.macs(graph.nodes[-1]))
    assert dict(ended.rows) == {layer.input[0]: graph.nodes[-1].input[0]}
    sample = samples(graph)[0]
    exact, got = (next(iter(run(model, sample).values())) for model in (graph.model, ended.graph.model))
    np.testing.assert_allclose(got, exact, atol=1e-4)


@pytest.mark.parametrize("settings", [{"kernel": 3}, {"stride": 2}, {"channels": 24, "group": 2}])
def test_convolutions_that_are_no_products_stay(settings):
    graph = maps(**settings)
    assert end_in_float(graph, place_cpu(graph)).graph is graph


def test_a_convolution_whose_result_is_read_in_integers_stays():
    net, x = backbone()
    inner = net.conv(x, 20)
    graph = Graph(clean_model(net.model(SIZE_WH, [net.conv(inner, 8, 3)]), where="m", max_opset=MAX_OPSET))
    assert end_in_float(graph, place_cpu(graph)).graph is graph


def test_a_convolution_that_returned_to_float_stays_a_convolution():
    graph = maps()
    assert "Gemm" in kinds(quantized(graph))
    assert "Gemm" not in kinds(quantized(graph, excluded=[graph.nodes[-1].name]))


def test_a_layer_that_becomes_the_last_one_is_rounded_anew():
    net, x = backbone()
    graph = Graph(clean_model(net.model(SIZE_WH, [net.conv(net.conv(x, 20), 8, 3)]), where="m", max_opset=MAX_OPSET))
    layer, last = graph.nodes[-2:]
    seen = calibrated(graph)
    before, after = (families.integers("arm-int8", graph, seen, "mse", excluded) for excluded in ((), (last.name,)))
    rounded = reconstruct(before, samples(graph), "weights")
    layers = reconstruct(after, samples(graph), "weights", rounded=rounded)
    assert [one[layer.name].weights.stored.shape for one in (rounded, layers)] == [(20, 24, 1, 1), (20, 24)]
    model = families.emit("arm-int8", graph, seen, "mse", (last.name,), layers=layers)
    exact, got = (run(one, samples(graph)[0])[graph.outputs[0]] for one in (graph.model, model))
    assert snr_db(exact, got) > 33


def test_tensorrt_takes_the_convolution_as_it_is():
    graph = maps()
    assert "Gemm" not in kinds(quantized(graph, "tensorrt-int8"))
    assert families.place("tensorrt-int8", graph).layers


def test_a_model_of_one_convolution_of_pixels_is_quantized(tmp_path):
    net = Network(17, 3)
    net.channels["x"] = 3
    model = onnx.shape_inference.infer_shapes(net.model((16, 16), [net.conv("x", 4)]))
    onnx.save(model, tmp_path / "m.onnx")
    (tmp_path / "data").mkdir()
    for number in range(8):
        noise = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"data/{number}.png"), noise)
    steps = Preprocess(ImageSteps(size_wh=(16, 16)))
    boards = (load_profile("raspberry-pi-5"),)
    request = QuantRequest(
        tmp_path / "m.onnx", boards, str(tmp_path / "data"), preprocess=steps, min_gain=0.0, trusts_data=True
    )
    (variant,) = quantize(request, tmp_path / "m.edge").variants
    assert (variant.family, variant.accuracy.agreement > 0.9) == ("arm-int8", True)
