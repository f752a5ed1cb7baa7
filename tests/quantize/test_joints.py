from __future__ import annotations

import numpy as np
import onnx
import pytest

from edge_sdk.quantize import QuantRequest, families, quantize
from edge_sdk.quantize.clean import clean_model
from edge_sdk.quantize.emit import FORMS, choose_quants, emit_int8
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.joints import find_joints
from edge_sdk.quantize.placement import place_cpu
from edge_sdk.quantize.plan import plan_of_file
from edge_sdk.quantize.preview import preview_bytes
from edge_sdk.tensors import snr_db
from tests.quantize.detectors import backbone, branch
from tests.quantize.models import MAX_OPSET, PI, calibrated, quantized, run, samples

SIZE_WH = (48, 32)
CLASSES = 6
FAMILY = "arm-int8"


def scores_of(net, x):
    return net.op("Sigmoid", branch(net, x, CLASSES, gain=1.0))


def decoded_by_a_convolution():
    """Return a detector that joins boxes in pixels and scores, and turns them into corners by a convolution."""
    net, x = backbone()
    joined = net.concat(branch(net, x, 4, gain=300.0), scores_of(net, x))
    corners = np.eye(4 + CLASSES, dtype=np.float32)
    corners[:2, 2:4], corners[2:4, 2:4] = -0.5 * np.eye(2), 0.5 * np.eye(2)
    corners[2:4, :2] = np.eye(2)
    weight = net.constant(corners[:, :, np.newaxis, np.newaxis])
    return net.model(SIZE_WH, [net.op("Conv", joined, weight, kernel_shape=[1, 1])])


def decoded_by_strides():
    """Return a detector that joins box and class logits by position, scales both, and sums up bins by a product."""
    net, x = backbone()
    joined = net.concat(branch(net, x, 4, gain=30.0), branch(net, x, CLASSES, gain=1.0))
    rows = net.op("Reshape", joined, net.constant([1, 4 + CLASSES, -1], np.int64))
    rows = net.op("Transpose", rows, perm=[0, 2, 1])
    scaled = net.op("Mul", rows, net.constant(np.full(4 + CLASSES, 0.5)))
    bounds = [[net.constant([value], np.int64) for value in (start, end, 2)] for start, end in ((0, 4), (4, 10))]
    boxes, logits = (net.op("Slice", scaled, *each) for each in bounds)
    corners = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]])
    return net.model(SIZE_WH, [net.op("MatMul", boxes, net.constant(corners)), net.op("Sigmoid", logits)])


def refined():
    """Return a detector in which layers with work read the parts of a joint."""
    net, x = backbone()
    joined = net.concat(branch(net, x, 16, gain=300.0), branch(net, x, 16, gain=1.0))
    return net.model(SIZE_WH, [net.conv(net.op("Relu", part), 24, 3) for part in net.split(joined, 16)])


def graph_of(model):
    return Graph(clean_model(model, where="model", max_opset=MAX_OPSET))


def with_all_joints_in_integers(graph, statistics):
    placement, form = place_cpu(graph), FORMS[FAMILY]
    calibration = choose_quants(placement, statistics, "mse", symmetric=form.symmetric)
    return emit_int8(graph, placement, calibration, form)


def parts_snr_db(graph, model):
    """Return how near to float what comes of the boxes and what comes of the scores are."""
    sample = samples(graph)[0]
    exact, got = run(graph.model, sample), run(model, sample)
    if len(exact) == 2:
        return [snr_db(exact[name], got[name]) for name in exact]
    ((name, values),) = exact.items()
    return [snr_db(values[:, part], got[name][:, part]) for part in (slice(4), slice(4, None))]


def with_bins():
    """Return a detector like YOLOv8: joined logits, and boxes as the mean of a distribution over bins."""
    net, x = backbone()
    joined = net.concat(branch(net, x, 4 * 16, gain=30.0), branch(net, x, CLASSES, gain=1.0))
    rows = net.op("Reshape", joined, net.constant([1, 4 * 16 + CLASSES, 24], np.int64))
    boxes, logits = net.split(rows, 4 * 16)
    bins = net.op("Transpose", net.op("Reshape", boxes, net.constant([1, 4, 16, 24], np.int64)), perm=[0, 2, 1, 3])
    weight = net.constant(np.arange(16.0).reshape(1, 16, 1, 1))
    sides = net.op("Conv", net.op("Softmax", bins, axis=1), weight, kernel_shape=[1, 1])
    pixels = net.op("Mul", net.op("Reshape", sides, net.constant([1, 4, 24], np.int64)), net.constant(16.0))
    return net.model(SIZE_WH, [net.op("Concat", pixels, net.op("Sigmoid", logits), axis=1)])


@pytest.mark.parametrize("detector", [decoded_by_a_convolution, decoded_by_strides, refined])
def test_what_one_scale_would_lose_stays_near_the_float_model(detector):
    graph = graph_of(detector())
    lost = parts_snr_db(graph, with_all_joints_in_integers(graph, calibrated(graph)))
    assert min(lost) < 25, "the joint loses a part as long as it is in integers"
    assert min(parts_snr_db(graph, quantized(graph))) > 30


def test_scores_beside_pixels_round_to_nothing_and_are_themselves_again():
    graph = graph_of(decoded_by_a_convolution())
    sample = samples(graph)[0]
    exact = run(graph.model, sample)["conv20"][:, 4:]
    assert not run(with_all_joints_in_integers(graph, calibrated(graph)), sample)["conv20"][:, 4:].any()
    np.testing.assert_allclose(run(quantized(graph), sample)["conv20"][:, 4:], exact, atol=0.03)


def test_boxes_of_bins_beside_class_logits_stay_near_the_float_model():
    graph = graph_of(with_bins())
    assert min(parts_snr_db(graph, quantized(graph))) > 28


@pytest.mark.parametrize("detector", [decoded_by_a_convolution, decoded_by_strides, refined, with_bins])
def test_a_detector_keeps_its_work_in_integers(detector):
    graph = graph_of(detector())
    reasons = families.why_float(FAMILY, graph, calibrated(graph))
    assert preview_bytes(quantized(graph), PI, FAMILY, reasons).integer_share > 0.99


def test_the_plan_names_the_joint_and_its_parts_and_what_reads_it():
    graph = graph_of(decoded_by_a_convolution())
    reasons = families.why_float(FAMILY, graph, calibrated(graph))
    assert reasons["/concat19"].startswith("one scale would span conv14 (-1.76e+03 to 696) and sigmoid18 (0 to 0.93)")
    assert reasons["/concat19"].endswith("and leave 0.1 of 255 steps to this")
    assert reasons["/conv20"].startswith("it reads what /concat19 joins, where one scale would span")


def test_the_layers_behind_a_divided_joint_stay_in_integers():
    graph = graph_of(refined())
    (joint,) = find_joints(graph, place_cpu(graph), calibrated(graph))
    assert (joint.apart, joint.work) == (("/concat18", "/split19"), 0.0)
    assert place_cpu(graph, joint.apart).layers == place_cpu(graph).layers


def test_a_joint_that_a_layer_reads_as_a_whole_is_left_to_the_guard():
    net, x = backbone()
    joined = net.concat(branch(net, x, 16, gain=300.0), branch(net, x, 16, gain=1.0))
    graph = graph_of(net.model(SIZE_WH, [net.conv(net.op("MaxPool", joined, kernel_shape=[1, 1]), 24, 3)]))
    assert find_joints(graph, place_cpu(graph), calibrated(graph)) == ()


def test_branches_with_ranges_of_a_size_stay_joined_in_integers():
    net, x = backbone()
    joined = net.concat(branch(net, x, 16, gain=4.0), branch(net, x, 16, gain=1.0))
    graph = graph_of(net.model(SIZE_WH, [net.conv(part, 24, 3) for part in net.split(joined, 16)]))
    assert "/concat18" in place_cpu(graph).integer
    assert find_joints(graph, place_cpu(graph), calibrated(graph)) == ()


def test_for_tensorrt_nothing_carries_a_scale_for_a_joints_sake():
    graph = graph_of(decoded_by_strides())
    statistics = calibrated(graph, "tensorrt-int8")
    assert families.joints("tensorrt-int8", graph, statistics) == ()
    assert "concat18" not in families.place("tensorrt-int8", graph).tensors


def test_the_report_tells_which_joint_was_found_and_what_was_done(tmp_path):
    graph = graph_of(decoded_by_strides())
    onnx.save(graph.model, tmp_path / "m.onnx")
    np.save(tmp_path / "x.npy", np.concatenate([sample["x"] for sample in samples(graph, 12)]))
    request = QuantRequest(tmp_path / "m.onnx", (PI,), calibration=str(tmp_path / "x.npy"), task="tensor", min_gain=0.0)
    report = quantize(request, tmp_path / "m.edge")
    (note,) = [note for note in report.notes if "one scale would span" in note]
    assert note.startswith("arm-int8: /concat18 and what reads it (0.01% of the work) in float")
    told = report.variants[0].plans[0]
    assert told.integer_share > 0.99
    assert "one scale would span" in {island.name: island.reason for island in told.islands}["/concat18"]
    assert plan_of_file(tmp_path / "m.edge", PI).islands == told.islands
