"""Golden inputs and outputs: with them a board proves that it computes what was measured where the package was made.

Integer kernels of different processors round differently by design, so a board's outputs need not be the same; they
must be as near to the golden ones as those are to the float model's, within a margin.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from zipfile import BadZipFile

import numpy as np

from edge_sdk.errors import GateError, InputError
from edge_sdk.package.manifest import Variant
from edge_sdk.package.open import ModelPackage
from edge_sdk.tensors import Array, Tensors, snr_db

INPUT, OUTPUT = "input:", "output:"


class Runs(Protocol):
    """An opened model."""

    def run(self, tensors: Tensors) -> dict[str, Array]:
        """Compute the outputs."""


@dataclass(frozen=True, slots=True)
class Golden:
    """Golden samples.

    Attributes:
        arrays: `input:NAME` and `output:NAME`, stacked over samples on a new first axis.
        min_snr_db: Least signal-to-noise ratio of a board's outputs to these, in dB.
    """

    arrays: Mapping[str, Array]
    min_snr_db: float


def read_golden(package: ModelPackage, variant: Variant) -> Golden:
    """Return the golden samples of a variant.

    Raises:
        InputError: The package has none for it that can be read.
        TrustError: The package is not the one that was opened.
    """
    try:
        with np.load(io.BytesIO(package.read(variant.golden)), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, BadZipFile) as exc:
        raise InputError(f"{package.path}: {variant.golden.name}: expected arrays in an NPZ file, got {exc}") from exc
    for kind in (INPUT, OUTPUT):
        if not any(name.startswith(kind) and len(values) for name, values in arrays.items()):
            raise InputError(f"{package.path}: {variant.golden.name}: expected arrays {kind}NAME, got none")
    return Golden(arrays, variant.min_snr_db)


def worst_snr_db(golden: Golden, model: Runs) -> float:
    """Return the least signal-to-noise ratio of an opened model to the golden outputs, in dB."""
    count = len(next(iter(golden.arrays.values())))
    ratios = []
    for index in range(count):
        one = {name: np.asarray(values[index]) for name, values in golden.arrays.items()}  # a scalar is an array too
        inputs = {name[len(INPUT) :]: values for name, values in one.items() if name.startswith(INPUT)}
        ratios += [snr_db(one[OUTPUT + name], values) for name, values in model.run(inputs).items()]
    return min(ratios)


def check_golden(golden: Golden, model: Runs, *, where: str) -> None:
    """Check that an opened model computes here what it did where its package was made.

    Raises:
        GateError: It does not.
    """
    got_db = worst_snr_db(golden, model)
    if got_db < golden.min_snr_db:
        raise GateError(
            f"{where}: expected the golden outputs at {golden.min_snr_db:g} dB or better, got {got_db:.1f} dB",
            hint="this machine computes something else than was measured; see docs/how_to/swap.md",
        )
