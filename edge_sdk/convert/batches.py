"""What the source and the ONNX model are both given: seeded random inputs in several sizes, and the user's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from edge_sdk.convert.parity.inputs import Inputs, random_inputs, read_inputs
from edge_sdk.convert.record import ConvertRequest, SourceFacts
from edge_sdk.preprocess import Preprocess
from edge_sdk.tensors import TensorSpec

BATCHES = (1, 3)
"""One sample, as a board runs it, and a batch of a size that no exporter was shown."""


def make_batches(request: ConvertRequest, specs: Sequence[TensorSpec], facts: SourceFacts) -> Iterator[Inputs]:
    """Yield random inputs for each size of a free batch, and the user's own data.

    Args:
        request: What is asked.
        specs: The inputs of the ONNX model; free axes have names.
        facts: What is known of what happens before the model, and of the range of its inputs.

    Raises:
        InputError: The user's data do not fit.
    """
    preprocess = facts.preprocess or Preprocess()
    is_free = any(isinstance(size, str) for spec in specs for size in spec.shape)
    for batch in BATCHES if is_free else BATCHES[:1]:
        yield _within(facts, _random(request, _sized(request, specs, batch), preprocess, batch))
    if request.inputs is not None:
        yield read_inputs(request.inputs, _sized(request, specs, 1), preprocess, most=request.samples)


def _sized(request: ConvertRequest, specs: Sequence[TensorSpec], batch: int) -> tuple[TensorSpec, ...]:
    return tuple(replace(spec, shape=request.order.example(spec.shape, batch=batch)) for spec in specs)


def _within(facts: SourceFacts, inputs: Inputs) -> Inputs:
    """Return random inputs cut off where the source does so: what lies beyond is no input of a model in integers."""
    if not facts.ranges:
        return inputs
    feeds = tuple(
        {name: array.clip(*facts.ranges[name]) if name in facts.ranges else array for name, array in feed.items()}
        for feed in inputs.feeds
    )
    return replace(inputs, feeds=feeds, told=f"{inputs.told}, within the range of the source's integers")


def _random(request: ConvertRequest, specs: Sequence[TensorSpec], preprocess: Preprocess, batch: int) -> Inputs:
    if batch == 1 or preprocess == Preprocess():
        inputs = random_inputs(specs, preprocess, count=request.samples, seed=request.seed)
        return replace(inputs, told=f"{inputs.told}, in batches of {batch}")
    single = random_inputs(specs, preprocess, count=batch, seed=request.seed)
    feed = {name: np.concatenate([one[name] for one in single.feeds]) for name in single.feeds[0]}
    return Inputs((feed,), (None,), f"a batch of {single.told}")
