"""The noise of layers against a computation of its own, in NumPy, and on networks of all kinds."""

from __future__ import annotations

from functools import partial

import numpy as np
import onnx
import pytest

from edge_sdk.quantize import families
from edge_sdk.quantize.calibrate import collect
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.layer_report import MOST_HISTOGRAMS, LayerReport, Written, noise_share, tell_layers, worst_first
from edge_sdk.quantize.ranges import choose_range
from tests.quantize import networks, sequences
from tests.quantize.models import clean, samples

CONV_RELU = """(float[1,4,5,5] x, float[6,4,1,1] w, float[6] b, float[3,6,1,1] w2) => (float[] y)
    { a = Conv(x, w, b) r = Relu(a) y = Conv(r, w2) }"""
IN_FLOAT = ("fp16", "dynamic-int8", "weight-int8")


def told(graph, family, given, *, excluded=(), ranges="minmax"):
    wanted = families.tensors_to_calibrate([family], graph)
    statistics = collect(graph, wanted, lambda: given) if wanted else {}
    chosen = {name: choose_range(seen.histogram, ranges, symmetric=False) for name, seen in statistics.items()}
    model = families.emit(family, graph, statistics, chosen if family in families.FORMS else "minmax", excluded)
    written = Written(
        graph=graph,
        variant=Graph(onnx.load_model_from_string(model)),
        statistics=statistics,
        ranges=chosen,
        pairs_before=family in families.TENSORRT,
        open_variant=partial(families.open_measured, family),
    )
    return model, tell_layers(written, families.returnable_layers(family, graph), given[:4])


def rounded(values, low, high):
    """Round values to the 256 steps of a range, as the files of x86 do."""
    scale = np.float32((high - low) / 255)
    zero = np.round(-low / scale)
    return ((np.clip(np.rint(values / scale) + zero, 0, 255) - zero) * scale).astype(np.float32)


def decibels(signal, noise):
    return 10 * np.log10(np.square(signal).sum() / np.square(noise).sum())


def test_noise_and_range_are_what_numpy_computes():
    graph = clean(CONV_RELU)
    given = samples(graph)
    _, (first, _) = told(graph, "x86-int8", given)
    inputs = np.concatenate([one["x"] for one in given])
    weights, bias = graph.constants["w"][:, :, 0, 0], graph.constants["b"]

    def layer(matrix, x):
        return np.maximum(np.einsum("oi,nihw->nohw", matrix, x) + bias[:, None, None], 0)

    exact, seen = layer(weights, inputs), rounded(inputs, inputs.min(), inputs.max())
    assert first.range.of == "results"
    assert (first.range.low, first.range.high) == pytest.approx((0.0, exact.max()), rel=1e-2)
    assert (first.range.seen_low, first.range.seen_high) == pytest.approx((0.0, exact.max()), rel=1e-5)
    assert first.range.zeros == pytest.approx((exact == 0).mean(), abs=1e-6)
    assert (first.range.method, first.range.clipped) == ("minmax", 0.0)
    assert first.weights == pytest.approx((weights.min(), weights.max()), rel=1e-5)
    steps = np.abs(weights).max(axis=1, keepdims=True) / 127
    form = layer(weights, seen[:4])
    variant = rounded(layer(np.rint(weights / steps) * steps, seen[:4]), 0.0, exact.max())
    assert first.added_db == pytest.approx(decibels(form, variant - form), abs=1.0)
    assert first.gathered_db == pytest.approx(decibels(exact[:4], variant - exact[:4]), abs=1.0)
    assert first.added_db > first.gathered_db


def test_the_noise_that_gathers_at_the_last_layer_is_that_of_the_output():
    graph = clean(CONV_RELU)
    given = samples(graph)
    model, (*_, last) = told(graph, "x86-int8", given)
    session, exact = (
        families.open_measured("x86-int8", model),
        families.open_measured("fp32", graph.model.SerializeToString()),
    )
    ours, theirs = (np.concatenate([one.run(sample)["y"] for sample in given[:4]]) for one in (exact, session))
    assert last.gathered_db == pytest.approx(decibels(ours, theirs - ours), abs=0.05)


def test_what_stays_in_float_adds_nothing_and_clips_nothing():
    graph = clean(CONV_RELU)
    names = [node.name for node in families.returnable_layers("x86-int8", graph)]
    _, layers = told(graph, "x86-int8", samples(graph), excluded=names)
    assert [(one.is_float, one.added_db, one.gathered_db, one.range) for one in layers] == [
        (True, 200.0, 200.0, None)
    ] * 2


def test_a_range_that_clips_says_how_much():
    graph = clean(CONV_RELU.replace("4,5,5", "4,60,60"))
    given = samples(graph)
    _, (first, _) = told(graph, "x86-int8", given, ranges="percentile")
    seen = np.concatenate([one["x"] for one in given])
    results = np.maximum(
        np.einsum("oi,nihw->nohw", graph.constants["w"][:, :, 0, 0], seen) + graph.constants["b"][:, None, None], 0
    )
    step = first.range.high / 255
    assert first.range.high < first.range.seen_high
    assert first.range.clipped == pytest.approx((results > first.range.high + step / 2).mean(), abs=1e-3)
    assert first.range.clipped > 0
    assert first.range.ends == (0.0, first.range.seen_high)
    assert sum(first.range.bars) == (results > 0).sum()


def test_tensorrt_rounds_what_a_layer_reads():
    graph = clean(
        CONV_RELU.replace("4,5,5", "16,5,5")
        .replace("6,4,1,1", "32,16,1,1")
        .replace("6]", "32]")
        .replace("3,6", "16,32")
    )
    _, layers = told(graph, "tensorrt-int8", samples(graph))
    ranged = [one for one in layers if one.range is not None]
    assert ranged
    assert all(one.range.of == "inputs" and one.range.low < 0 < one.range.high for one in ranged)
    assert all(0 < noise_share(one.added_db) < 0.05 for one in ranged)


KINDS = {
    "mobilenet_v3": lambda: Graph(sequences.cleaned(networks.mobilenet_v3(17)).model),
    "yolo": lambda: Graph(sequences.cleaned(networks.yolo(17)).model),
    "lstm": lambda: sequences.cleaned(sequences.recurrent("LSTM")),
    "encoder": lambda: sequences.cleaned(sequences.encoder()),
}


@pytest.mark.parametrize("family", ["x86-int8", "arm-int8", "tensorrt-int8", "tensorrt-int8-typed", *IN_FLOAT])
@pytest.mark.parametrize("kind", KINDS)
def test_layers_of_all_kinds_are_told(kind, family):
    graph = KINDS[kind]()
    given = sequences.draw(graph, 4)
    _, layers = told(graph, families.measured_as(family), given)
    names = [node.name for node in graph.nodes]
    assert [one.name for one in layers] == sorted((one.name for one in layers), key=names.index)
    assert all(-200 <= one.added_db <= 200 and -200 <= one.gathered_db <= 200 for one in layers)
    assert sum(one.work for one in layers) <= 1 + 1e-9
    with_bars = [one.name for one in worst_first(layers) if one.range is not None and one.range.bars]
    assert with_bars == [one.name for one in worst_first(layers) if one.range is not None][:MOST_HISTOGRAMS]


def test_the_worst_come_first_and_what_is_not_known_last():
    layers = [LayerReport(str(db), "Conv", 0.1, False, db, db, None, None) for db in (40.0, None, 20.0, 200.0, 20.0)]
    assert [one.added_db for one in worst_first(layers)] == [20.0, 20.0, 40.0, 200.0, None]
    assert noise_share(20.0) == pytest.approx(0.1)
