"""Heads in the styles of YOLOv5, v8 and v10: in int8 their scores stay; with one scale for all they are 0."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from edge_sdk.quantize import decodes, families
from edge_sdk.quantize.clean import clean_model
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.placement import place_cpu
from edge_sdk.quantize.preview import preview_bytes
from edge_sdk.tensors import snr_db
from tests.quantize import detectors
from tests.quantize.models import MAX_OPSET, PI, calibrated, quantized, run, samples
from tests.quantize.test_joints import with_bins

FAMILY = "arm-int8"
BY_CHANNEL = [detectors.yolov8, detectors.yolov8_joined_logits, detectors.yolov8_scaled_when_joined]
JOINED = [*BY_CHANNEL, detectors.yolov8_by_row, detectors.yolov5]


def graph_of(model):
    return Graph(clean_model(model, where="model", max_opset=MAX_OPSET))


def with_one_scale_a_tensor(graph, folder):
    """Return the model as onnxruntime's own quantizer makes it: all operators it can, no node named."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Feeds(CalibrationDataReader):
        left = iter(samples(graph))

        def get_next(self):
            return next(self.left, None)

    onnx.save(graph.model, folder / "float.onnx")
    types = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    quantize_static(folder / "float.onnx", folder / "int8.onnx", Feeds(), per_channel=True, **types)
    return (folder / "int8.onnx").read_bytes()


def boxes_and_scores(outputs, detector):
    """Return boxes [n, 4] and scores [n, …] of the one output of a head."""
    (values,) = outputs.values()
    rows = values[0].T if detector in BY_CHANNEL else values[0]
    return rows[:, :4], rows[:, 4:]


@pytest.mark.parametrize("detector", JOINED)
def test_scores_beside_pixels_survive_where_one_scale_makes_them_nothing(detector, tmp_path):
    graph = graph_of(detector())
    sample = samples(graph)[0]
    boxes, scores = boxes_and_scores(run(graph.model, sample), detector)
    assert not boxes_and_scores(run(with_one_scale_a_tensor(graph, tmp_path), sample), detector)[1].any()
    ours_boxes, ours_scores = boxes_and_scores(run(quantized(graph), sample), detector)
    np.testing.assert_allclose(ours_scores, scores, atol=0.04)
    assert min(snr_db(boxes, ours_boxes), snr_db(scores, ours_scores)) > 35


@pytest.mark.parametrize("detector", [*JOINED, detectors.suppressed, detectors.end_to_end, with_bins])
def test_no_layer_with_work_is_given_up_for_a_head(detector):
    graph = graph_of(detector())
    reasons = families.why_float(FAMILY, graph, calibrated(graph))
    assert preview_bytes(quantized(graph), PI, FAMILY, reasons).integer_share > 0.99


@pytest.mark.parametrize("detector", [*JOINED, detectors.suppressed, detectors.end_to_end, with_bins])
def test_the_decode_carries_no_conversions_between_its_floats(detector):
    graph = graph_of(detector())
    model = Graph(onnx.shape_inference.infer_shapes(onnx.load_from_string(quantized(graph))))
    integer = families.integers(FAMILY, graph, calibrated(graph), "mse").placement.integer
    back = [node for node in model.nodes if node.op_type == "QuantizeLinear"]
    makers = [model.producer.get(node.input[0]) for node in back]
    assert all(maker is None or maker.name in integer for maker in makers)


def test_suppression_in_the_graph_leaves_the_same_boxes():
    graph = graph_of(detectors.suppressed())
    sample = samples(graph)[0]
    left, ours = (set(map(tuple, run(model, sample)[graph.outputs[2]])) for model in (graph.model, quantized(graph)))
    assert len(left) > 50
    assert 2 * len(left & ours) / (len(left) + len(ours)) > 0.95


def test_a_head_that_picks_its_best_boxes_gives_their_scores(tmp_path):
    graph = graph_of(detectors.end_to_end())
    sample = samples(graph)[0]
    exact, ours, naive = (
        run(model, sample)[graph.outputs[0]][0, :, 4]
        for model in (graph.model, quantized(graph), with_one_scale_a_tensor(graph, tmp_path))
    )
    np.testing.assert_allclose(ours, exact, atol=0.01)
    assert not naive.any()


def test_the_mean_over_bins_stays_in_float_and_the_plan_says_why():
    graph = graph_of(with_bins())
    reasons = families.why_float(FAMILY, graph, calibrated(graph))
    (layer,) = (node for node in graph.nodes if reasons.get(node.name) == decodes.REASON)
    assert (layer.op_type, graph.macs(layer)) == ("Conv", 16 * 4 * 24)
    assert layer.name not in families.integers(FAMILY, graph, calibrated(graph), "mse").placement.layers


def test_a_last_layer_with_many_weights_behind_a_float_operator_is_no_decode():
    net, x = detectors.backbone()
    shares = net.op("Softmax", net.op("Reshape", net.mean(x, keepdims=0), net.constant([1, 24], np.int64)), axis=1)
    graph = graph_of(net.model((640, 480), [net.dense(shares, 24, 400)]))
    last = graph.nodes[-1]
    assert graph.macs(last) < decodes.LITTLE * sum(map(graph.macs, graph.nodes))
    assert last.name in place_cpu(graph).layers
