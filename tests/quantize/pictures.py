"""Small models of pictures whose first convolution alone decides about the border, and what runs them."""

from __future__ import annotations

import numpy as np

from edge_sdk.preprocess import Preprocess, prepare_image
from edge_sdk.quantize import families
from edge_sdk.quantize.calibrate import collect
from edge_sdk.quantize.graph import tensor_specs
from edge_sdk.quantize.source import Source
from edge_sdk.tasks import TaskSpec
from tests.quantize.models import clean, entries_of, run

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
NORMALIZATIONS = {
    "raw": {"divisor": 1.0},
    "unit": {"divisor": 255.0},
    "symmetric": {"divisor": 127.5, "mean": (1.0,)},
    "imagenet": IMAGENET,
    "own": {"divisor": 1.0, "mean": (127.0,), "std": (-128.0,)},
}


def picture(seed=0):
    """Return noise of 60x40, uint8 blue green red."""
    return np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def source(steps, attributes="pads=[1,1,1,1]"):
    """Return two convolutions for pictures that are prepared so; only the first, of these attributes, sees a border."""
    inner = f"a = Conv<{attributes}>(p, w, b)" if attributes else "a = Conv(p, w, b)"
    moved = "p = Transpose<perm=[0,3,1,2]>(x)" if steps.layout == "nhwc" else "p = Identity(x)"
    shape = ",".join(map(str, steps.shape))
    graph = clean(f"""(float[{shape}] x, float[8,{steps.channels},3,3] w, float[8] b, float[6,8,1,1] w2) => (float[] y)
        {{ {moved} {inner} r = Relu(a) y = Conv(r, w2) }}""")
    ends = [tensor_specs(end) for end in (graph.model.graph.input, graph.model.graph.output)]
    return Source((), graph, *ends, (), Preprocess(image=steps), TaskSpec("tensor"))


def tensors(of, image):
    """Return a picture as a model takes it."""
    return {of.inputs[0].name: prepare_image(of.preprocess.image, image)[0]}


def outputs(of, image, model=None, family="arm-int8"):
    """Return what a model, or its variant of a family, gives for a picture."""
    return run(model or of.graph.model, tensors(of, image), entries_of(family))["y"]


def quantized(of, family, excluded=()):
    """Return the serialized variant of a model."""
    wanted = families.tensors_to_calibrate([family], of.graph)
    statistics = collect(of.graph, wanted, lambda: [tensors(of, picture(seed)) for seed in range(8)])
    return families.emit(family, of.graph, statistics, "minmax", excluded)
