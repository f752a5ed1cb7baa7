"""Makes golden inputs and outputs, with which a board proves itself: see `edge_sdk.package.golden`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from edge_sdk.package.golden import INPUT, OUTPUT, Golden
from edge_sdk.session import Session
from edge_sdk.tensors import Array, Tensors, snr_db

_MARGIN_DB = 3.0
_MOST_DB = 20.0
_FLOAT_DB = 60.0


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
            arrays.setdefault(INPUT + name, []).append(values)
        for name, values in outputs.items():
            arrays.setdefault(OUTPUT + name, []).append(values)
        if reference is not None:
            ratios += [snr_db(values, outputs[name]) for name, values in reference.run(sample).items()]
    return Golden({name: np.stack(values) for name, values in arrays.items()}, round(min(ratios) - _MARGIN_DB, 1))
