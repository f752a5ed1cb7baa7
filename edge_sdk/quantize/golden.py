"""Golden inputs and outputs: with them a board proves that it computes what was measured here.

Integer kernels of different processors round differently by design, so a board's outputs need not be the same; they
must be as near to the golden ones as those are to the float model's, within a margin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from edge_sdk.quantize.measure import snr_db
from edge_sdk.session import Session
from edge_sdk.tensors import Array, Tensors

_MARGIN_DB = 3.0
_MOST_DB = 20.0
_FLOAT_DB = 60.0
_INPUT, _OUTPUT = "input:", "output:"


@dataclass(frozen=True, slots=True)
class Golden:
    """Golden samples.

    Attributes:
        arrays: `input:NAME` and `output:NAME`, stacked over samples on a new first axis.
        min_snr_db: Least signal-to-noise ratio of a board's outputs to these, in dB.
    """

    arrays: Mapping[str, Array]
    min_snr_db: float


def make_golden(samples: Iterable[Tensors], variant: Session, reference: Session | None) -> Golden:
    """Run a variant on samples and keep what goes in and comes out.

    Args:
        samples: Inputs of the model.
        variant: The variant, opened.
        reference: The float model, opened; None if the variant is it.
    """
    arrays: dict[str, list[Array]] = {}
    ratios = [_MOST_DB + _MARGIN_DB if reference is not None else _FLOAT_DB + _MARGIN_DB]
    for sample in samples:
        outputs = variant.run(sample)
        for name, values in sample.items():
            arrays.setdefault(_INPUT + name, []).append(values)
        for name, values in outputs.items():
            arrays.setdefault(_OUTPUT + name, []).append(values)
        if reference is not None:
            ratios += [snr_db(values, outputs[name]) for name, values in reference.run(sample).items()]
    return Golden({name: np.stack(values) for name, values in arrays.items()}, round(min(ratios) - _MARGIN_DB, 1))


def worst_snr_db(golden: Golden, session: Session) -> float:
    """Return the least signal-to-noise ratio of an opened model to the golden outputs, in dB."""
    count = len(next(iter(golden.arrays.values())))
    ratios = []
    for index in range(count):
        one = {name: np.asarray(values[index]) for name, values in golden.arrays.items()}  # a scalar is an array too
        inputs = {name[len(_INPUT) :]: values for name, values in one.items() if name.startswith(_INPUT)}
        ratios += [snr_db(one[_OUTPUT + name], values) for name, values in session.run(inputs).items()]
    return min(ratios)
