from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.tensors import snr_db
from tests.quantize.models import build, clean, run, samples

HEAD = "(float[2,6,9,7] x, float[6] s, float[6] t, float[6] m, float[6] v) => (float[] y)"
VARIANCE = [0.2, 0.5, 1, 2, 4, 1e-6]


def test_it_multiplies_and_shifts_each_channel_by_itself():
    text = f"{HEAD} {{ a = Tanh(x) y = BatchNormalization<epsilon=0.001>(a, s, t, m, v) }}"
    graph, model = clean(text, v=VARIANCE), build(text, v=VARIANCE)
    assert [node.op_type for node in graph.nodes] == ["Tanh", "Conv"]
    assert graph.nodes[1].name == "BatchNormalization_1"
    assert graph.constants[graph.nodes[1].input[1]].shape == (6, 1, 1, 1)
    sample = samples(graph)[0]
    assert snr_db(run(model, sample)["y"], run(graph.model, sample)["y"]) > 100


@pytest.mark.parametrize(
    "head", [HEAD.replace("[2,6,9,7]", "[2,6]"), HEAD.replace("float[6] v", "float[6] x2")], ids=["matrix", "computed"]
)
def test_what_is_no_picture_or_has_computed_parameters_stays(head):
    graph = clean(f"{head} {{ a = Tanh(x) y = BatchNormalization(a, s, t, m, {'x2' if 'x2' in head else 'v'}) }}")
    assert graph.nodes[-1].op_type == "BatchNormalization"
    assert np.isfinite(graph.constants["s"]).all()
