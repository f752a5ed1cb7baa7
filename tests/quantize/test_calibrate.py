from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.quantize.calibrate import collect, passes
from tests.quantize.models import BLOCK, build, clean, run, samples

ROOT = Path(__file__).parents[2]
NET = f"(float[1,8,16,16] x, {BLOCK}) => (float[] y) {{ a = Conv(x, w, b) r = Relu(a) y = Conv(r, w2, b2) }}"
LARGE = (
    "(float[1,64,{side},{side}] x) => (float[] y) {{ a = Relu(x) b = Tanh(a) c = Sigmoid(b) d = Neg(c) y = Abs(d) }}"
)
MEASURE = """
    import resource
    import numpy as np
    from edge_sdk.quantize.calibrate import collect, passes
    from tests.quantize.models import clean, run, samples

    def peak_mb():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    tensors = ["t%d" % i for i in range(12)]
    nodes = ["t0 = Conv(x, w)", *("t%d = Conv<pads=[1,1,1,1],group=64>(t%d, d)" % (i + 1, i) for i in range(12))]
    text = "(float[1,3,224,224] x, float[64,3,1,1] w, float[64,1,3,3] d) => (float[] t12) { %s }" % " ".join(nodes)
    graph = clean(text)
    run(graph.model, samples(graph, 1)[0])
    loaded = peak_mb()
    rng = np.random.default_rng(0)
    feed = lambda count: ({"x": rng.standard_normal((1, 3, 224, 224), np.float32)} for _ in range(count))
    collect(graph, tensors, lambda: feed(4))
    few = peak_mb()
    collect(graph, tensors, lambda: feed(12))
    print(passes(graph, tensors), few - loaded, peak_mb() - few)
"""


def facts(statistics):
    return {
        name: (seen.histogram.counts.tolist(), seen.histogram.low, seen.histogram.high, seen.channels.mean.tolist())
        for name, seen in statistics.items()
    }


def test_the_statistics_are_those_of_the_tensors():
    graph = clean(NET)
    seen = collect(graph, ["x", "r"], lambda: samples(graph, 3))
    tapped = build(NET.replace("(float[] y)", "(float[] y, float[] r)"))
    values = np.concatenate([run(tapped, sample)["r"] for sample in samples(graph, 3)])
    assert (seen["r"].histogram.low, seen["r"].histogram.high) == (0.0, float(values.max()))
    assert seen["r"].histogram.zeros == np.count_nonzero(values == 0)
    np.testing.assert_allclose(seen["r"].channels.mean, values.mean(axis=(0, 2, 3)), rtol=1e-5)
    assert seen["x"].histogram.counts.sum() == 3 * 8 * 16 * 16


def test_a_tensor_that_the_model_gives_can_be_read_too():
    graph = clean(NET)
    assert collect(graph, ["y"], lambda: samples(graph, 1))["y"].histogram.counts.sum() == 8 * 12 * 12


def test_large_tensors_are_read_in_groups():
    sizes = {side: passes(clean(LARGE.format(side=side)), ["a", "b", "c", "d"]) for side in (8, 400, 700)}
    assert sizes == {8: 1, 400: 2, 700: 4}


def test_groups_give_the_same_statistics_as_each_tensor_alone():
    graph = clean(LARGE.format(side=400))
    inputs = samples(graph, 2)
    alone = {name: collect(graph, [name], lambda: inputs)[name] for name in "abcd"}
    assert facts(collect(graph, list("abcd"), lambda: inputs)) == facts(alone)


def test_the_order_of_the_samples_does_not_matter():
    graph = clean(NET)
    forwards = collect(graph, ["r"], lambda: samples(graph))["r"].histogram
    backwards = collect(graph, ["r"], lambda: samples(graph)[::-1])["r"].histogram
    assert forwards.counts.tolist() == backwards.counts.tolist()


def test_each_sample_of_each_pass_is_told():
    graph, told = clean(NET), []
    collect(graph, ["x", "r"], lambda: samples(graph, 5), advance=told.append)
    assert told == [1] * 5 * passes(graph, ["x", "r"])


def test_no_samples_are_refused():
    graph = clean(NET)
    with pytest.raises(InputError, match=r"^calibration: expected samples, got none$"):
        collect(graph, ["r"], list)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_told_by_its_tensor(value):
    graph = clean(NET)
    bad = {"x": np.full((1, 8, 16, 16), value, np.float32)}
    with pytest.raises(
        InputError, match=r"^calibration: expected finite values in x, got 2048 NaN or infinite$"
    ) as caught:
        collect(graph, ["x"], lambda: [*samples(graph, 1), bad])
    assert caught.value.hint == "check the preprocessing: divisor, mean and std"


def test_a_sample_of_another_shape_is_told():
    graph = clean(NET)
    with pytest.raises(InputError, match=r"^calibration: expected x of shape \[1, 8, 16, 16\], got \[1, 8, 9, 9\]$"):
        collect(graph, ["r"], lambda: [{"x": np.zeros((1, 8, 9, 9), np.float32)}])


def test_memory_is_bounded_by_the_groups_and_does_not_grow_with_samples():
    program = [sys.executable, "-c", textwrap.dedent(MEASURE)]  # a process of its own has a peak of its own
    done = subprocess.run(program, capture_output=True, text=True, check=True, cwd=ROOT)
    groups, above_mb, growth_mb = map(float, done.stdout.split())
    assert groups == 2
    assert above_mb < 500
    assert growth_mb < 50
