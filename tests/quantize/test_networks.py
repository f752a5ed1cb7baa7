"""Networks with activations that have no integer kernel of their own are computed in integers, all of them."""

from __future__ import annotations

from functools import cache

import pytest

from edge_sdk.quantize import families
from edge_sdk.quantize.clean import clean_model
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.preview import preview_bytes
from edge_sdk.tensors import snr_db
from tests.quantize import networks
from tests.quantize.models import PI, calibrated, entries_of, run, samples

NETWORKS = {
    f"{build.__name__}_{opset}": (build, opset)
    for build in (networks.mobilenet_v3, networks.efficientnet, networks.efficientnet_lite, networks.yolo)
    for opset in (13, 17, 20)
}
FAMILIES = ("arm-int8", "x86-int8")


@cache
def graph_of(name):
    build, opset = NETWORKS[name]
    return Graph(clean_model(build(opset), where=name, max_opset=20))


@cache
def variant_of(name, family):
    graph = graph_of(name)
    return families.emit(family, graph, calibrated(graph, family), "minmax")


@pytest.mark.parametrize("name", NETWORKS)
def test_a_rewritten_network_computes_what_it_did(name):
    build, opset = NETWORKS[name]
    sample = samples(graph_of(name))[0]
    expected, got = run(build(opset), sample, {}), run(graph_of(name).model, sample, {})
    assert min(snr_db(values, got[output]) for output, values in expected.items()) > 100


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_computed_in_integers(name, family):
    plan = preview_bytes(variant_of(name, family), PI, family, families.place(family, graph_of(name)).reasons)
    assert plan.integer_share >= 0.99
    assert [island.name for island in plan.islands if island.inside] == []
    assert plan.operators["QuantizeLinear"] == 1
    assert plan.pairs - 1 <= len(graph_of(name).outputs) * 2
    assert plan.transposes <= len(graph_of(name).outputs) + 1


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_in_integers_is_near_the_float_one(name, family):
    graph, tensors = graph_of(name), samples(graph_of(name), 9)[8]
    expected, got = run(graph.model, tensors, {}), run(variant_of(name, family), tensors, entries_of(family))
    assert min(snr_db(values, got[output]) for output, values in expected.items()) > 18
