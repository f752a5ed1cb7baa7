from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.quantize import families
from edge_sdk.quantize.calibrate import collect
from edge_sdk.quantize.recovery import CORRECTIONS
from edge_sdk.quantize.request import silent
from edge_sdk.quantize.tuning import tune
from edge_sdk.samples import Item, Samples
from tests.quantize.models import clean, samples

NET = """(float[1,3,10,10] x, float[8,3,3,3] w, float[8] b, float[4,8,3,3] w2, float[4] b2) => (float[1,4,6,6] y) {
    h = Conv(x, w, b)  r = Relu(h)  y = Conv(r, w2, b2)
}"""


@pytest.fixture(scope="module")
def tuning():
    graph = clean(NET)
    inputs = [Item(str(i), one) for i, one in enumerate(samples(graph, 12))]
    calibration = Samples(tuple(one.name for one in inputs), lambda wanted: (inputs[i] for i in wanted), "0" * 64, "")
    tensors = families.tensors_to_calibrate(["x86-int8"], graph)
    statistics = collect(graph, tensors, lambda: (one.tensors for one in inputs))
    return tune("x86-int8", graph, statistics, calibration, "auto", progress=silent)


def test_ranges_are_chosen_tensor_by_tensor_and_told(tuning):
    assert set(tuning.ranges) == set(tuning.statistics)
    assert sum(int(part.rpartition(" ")[2]) for part in tuning.told.split(", ")) == len(tuning.ranges)


def test_one_way_to_correct_biases_is_kept_for_all_choices(tuning):
    everything = tuning.layers(())
    assert tuning.corrections[0] in CORRECTIONS
    first = next(iter(everything))
    assert tuning.layers([first]).keys() == everything.keys() - {first}
    assert len(tuning.corrections) == 1
    assert tuning.layers(()) is everything


def test_the_same_samples_give_the_same_layers(tuning):
    again = tune("x86-int8", tuning.graph, tuning.statistics, tuning.calibration, "auto", progress=silent)
    for name, layer in tuning.layers(()).items():
        other = again.layers(())[name]
        assert (other.weights.stored == layer.weights.stored).all()
        np.testing.assert_array_equal(other.bias, layer.bias)
