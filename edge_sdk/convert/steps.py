"""What comes out of a model in integers, compared in its own unit: steps of quantization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edge_sdk.convert.parity.numbers import Tolerance
from edge_sdk.convert.record import OutputSteps, SourceFacts
from edge_sdk.tensors import Tensors

LEAST_WITHIN_ONE = 0.99
"""The share of elements that a converted model must have within one step: integer kernels break ties differently."""
_LEAST_WITHOUT_ROUNDING = Tolerance(relative=None, min_snr_db=10.0, equal_share=0.9)
"""What a model in float must keep of a source that rounds to 8 bits at each layer: the rounding is the source's."""


def allowed(tolerance: Tolerance, facts: SourceFacts) -> Tolerance:
    """Return how far floats may be from what the source gives."""
    return _LEAST_WITHOUT_ROUNDING if facts.rounds and not facts.steps else tolerance


def steps_failure(steps: Sequence[OutputSteps]) -> str:
    """Return in words which output in integers is too far from the source's; empty where none is."""
    for one in steps:
        if one.within_one < LEAST_WITHIN_ONE:
            return (
                f"{one.output}: expected {LEAST_WITHIN_ONE:.0%} of its integers within one step, "
                f"got {one.within_one:.2%}, up to {one.most} steps apart"
            )
    return ""


def compare_steps(
    expected: Sequence[Tensors], got: Sequence[Tensors], steps: Mapping[str, float]
) -> tuple[OutputSteps, ...]:
    """Return how many steps apart the outputs are, over all samples.

    Args:
        expected: What the source gives.
        got: What the ONNX model gives.
        steps: What one step of an output is worth, by its name.
    """
    return tuple(_compare(name, step, expected, got) for name, step in steps.items())


def _compare(name: str, step: float, expected: Sequence[Tensors], got: Sequence[Tensors]) -> OutputSteps:
    apart = np.concatenate([np.abs(b[name] - a[name]).reshape(-1) for a, b in zip(expected, got, strict=True)]) / step
    whole = np.rint(apart)
    return OutputSteps(name, step, most=int(whole.max()), within_one=float((whole <= 1).mean()))
