"""How far two computations of one output are apart.

- The samples of an output are compared together: one `Difference` an output.
- What is relative is relative to the tensor: the largest error over the largest expected value. An elementwise quotient
  would blow up near zeros, where nobody asks for it.
- NaN and infinite values count as the same only where both have the same one; all numbers are of the elements that are
  finite in both.
- Another shape or element type is told. Numbers are still given where only axes of size one differ.
- Pure NumPy: no clock, no disk, no randomness.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import GateError
from edge_sdk.tensors import SAME_DB, Array, Tensors, snr_db

Kind = Literal["float", "integer", "text"]
_CLOSE_RTOL, _CLOSE_ATOL = 1e-3, 1e-5
_FLOATING = "fc"
_EXOTIC = "V"
"""NumPy's kind of bfloat16 and the small floats, which are compared as float32."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How far an output is from what is expected.

    Attributes:
        output: Its name.
        kind: What its elements are, as expected: floats, integers (and booleans), or text.
        elements: How many there are over all samples.
        max_abs: Largest absolute error, in the output's unit.
        relative: `max_abs` over the largest absolute value that is expected; over 1 where all of them are zero.
        close_share: Share of the elements within 1e-5 + 1e-3 times the expected value, 0 to 1.
        equal_share: Share of the elements that are the same, 0 to 1.
        snr_db: Signal-to-noise ratio in dB, at most 200 (the same).
        cosine: Cosine of the two as vectors, -1 to 1.
        not_finite: Elements that are NaN or infinite in one and not the same in the other.
        told: What differs in shape or element type, in words; empty where nothing does.
        comparable: Whether the shapes fit, so that there are numbers at all.
    """

    output: str
    kind: Kind
    elements: int
    max_abs: float
    relative: float
    close_share: float
    equal_share: float
    snr_db: float
    cosine: float
    not_finite: int = 0
    told: str = ""
    comparable: bool = True


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far outputs may be apart.

    Attributes:
        relative: Largest error of floats, over the largest expected value; None where the ratio alone counts.
        min_snr_db: Least signal-to-noise ratio of floats in dB; None where the error alone counts.
        equal_share: Least share of integers and texts that are the same, 0 to 1.
        steps: Whether integers are the steps of rounded numbers, which are held to the same as floats.
    """

    relative: float | None = 1e-3
    min_snr_db: float | None = None
    equal_share: float = 1.0
    steps: bool = False

    def failure(self, difference: Difference) -> str:
        """Return in words why a difference is too large; empty where it is not."""
        if not difference.comparable:
            return difference.told
        if difference.not_finite:
            return f"{difference.not_finite} values are NaN or infinite in one and not in the other"
        is_number = difference.kind == "float" or (self.steps and difference.kind == "integer")
        return self._of_floats(difference) if is_number else self._of_the_rest(difference)

    def _of_floats(self, difference: Difference) -> str:
        if self.relative is not None and difference.relative > self.relative:
            return f"expected a relative error of at most {self.relative:.3g}, got {difference.relative:.3g}"
        if self.min_snr_db is not None and difference.snr_db < self.min_snr_db:
            return f"expected a signal-to-noise ratio of at least {self.min_snr_db:g} dB, got {difference.snr_db:.1f}"
        return ""

    def _of_the_rest(self, difference: Difference) -> str:
        if difference.equal_share < self.equal_share:
            return f"expected {self.equal_share:.4%} of the values the same, got {difference.equal_share:.4%}"
        return ""


def compare_outputs(expected: Sequence[Tensors], got: Sequence[Tensors]) -> tuple[Difference, ...]:
    """Return the difference of each expected output, in the order of the first sample.

    Args:
        expected: The outputs of each sample.
        got: The outputs of the same samples, by the same names; an output that is not there is told.
    """
    return tuple(
        compare_arrays(name, [sample[name] for sample in expected], [sample[name] for sample in got])
        if all(name in sample for sample in got)
        else _incomparable(name, expected[0][name], f"expected the output {name}, got none")
        for name in expected[0]
    )


def compare_arrays(output: str, expected: Sequence[Array], got: Sequence[Array]) -> Difference:
    """Return how far the arrays of one output are from those expected.

    Args:
        output: Its name.
        expected: An array for each sample, of any shape and element type.
        got: The arrays of the same samples.
    """
    told = _told(expected, got)
    if any(_own_axes(ours) != _own_axes(theirs) for ours, theirs in zip(expected, got, strict=True)):
        return _incomparable(output, expected[0], told)
    if _kind(expected[0]) == "text" or _kind(got[0]) == "text":
        return _of_texts(output, _joined(expected), _joined(got), told)
    return _of_numbers(output, _kind(expected[0]), (_numbers(expected), _numbers(got)), told)


def require_parity(differences: Iterable[Difference], tolerance: Tolerance, *, where: str) -> None:
    """Check that all outputs are near enough.

    Args:
        differences: One an output.
        tolerance: How near.
        where: What was compared, which starts the message.

    Raises:
        GateError: An output is too far away, or differs in shape; the message names the first one.
    """
    for difference in differences:
        if failure := tolerance.failure(difference):
            raise GateError(f"{where}: {difference.output}: {failure}")


def _of_numbers(
    output: str, kind: Kind, pair: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]], told: str
) -> Difference:
    ours, theirs = pair
    same_not_finite = (np.isnan(ours) & np.isnan(theirs)) | (np.isinf(ours) & (ours == theirs))
    finite = np.isfinite(ours) & np.isfinite(theirs)
    equal = (ours == theirs) | same_not_finite
    expected, got = ours[finite], theirs[finite]
    error = np.abs(got - expected)
    max_abs = float(error.max(initial=0.0))
    close = error <= _CLOSE_ATOL + _CLOSE_RTOL * np.abs(expected)
    return Difference(
        output=output,
        kind=kind,
        elements=ours.size,
        max_abs=max_abs,
        relative=max_abs / (float(np.abs(expected).max(initial=0.0)) or 1.0),
        close_share=(int(close.sum()) + int(same_not_finite.sum())) / ours.size if ours.size else 1.0,
        equal_share=_share(equal),
        snr_db=snr_db(expected, got),
        cosine=_cosine(expected, got),
        not_finite=int((~finite & ~same_not_finite).sum()),
        told=told,
    )


def _of_texts(output: str, expected: Array, got: Array, told: str) -> Difference:
    share = _share(expected.astype(str) == got.astype(str))
    error, ratio = (0.0, SAME_DB) if share == 1 else (1.0, -SAME_DB)
    return Difference(output, "text", expected.size, error, error, share, share, ratio, share, told=told)


def _incomparable(output: str, expected: Array, told: str) -> Difference:
    kind = _kind(expected)
    return Difference(output, kind, expected.size, 0.0, 0.0, 0.0, 0.0, -SAME_DB, 0.0, told=told, comparable=False)


def _told(expected: Sequence[Array], got: Sequence[Array]) -> str:
    words = []
    ours, theirs = next(
        (pair for pair in zip(expected, got, strict=True) if pair[0].shape != pair[1].shape), (None,) * 2
    )
    if ours is not None and theirs is not None:
        words.append(f"expected the shape {list(ours.shape)}, got {list(theirs.shape)}")
    if expected[0].dtype != got[0].dtype and "text" not in {_kind(expected[0]), _kind(got[0])}:
        words.append(f"expected {expected[0].dtype}, got {got[0].dtype}")
    return "; ".join(words)


def _own_axes(array: Array) -> tuple[int, ...]:
    return tuple(size for size in array.shape if size != 1)


def _kind(array: Array) -> Kind:
    if array.dtype.kind in "OUS":
        return "text"
    return "float" if array.dtype.kind in _FLOATING + _EXOTIC else "integer"


def _joined(arrays: Sequence[Array]) -> Array:
    return np.concatenate([array.reshape(-1) for array in arrays])


def _numbers(arrays: Sequence[Array]) -> npt.NDArray[np.float64]:
    """Return all elements as float64; of complex numbers the real and the imaginary parts."""
    joined = _joined(arrays)
    if joined.dtype.kind == "c":
        joined = joined.view(joined.real.dtype)
    return joined.astype(np.float64)


def _share(flags: npt.NDArray[np.bool_]) -> float:
    return float(flags.mean()) if flags.size else 1.0


def _cosine(expected: npt.NDArray[np.float64], got: npt.NDArray[np.float64]) -> float:
    if np.array_equal(expected, got):
        return 1.0
    lengths = math.sqrt(float(expected @ expected)) * math.sqrt(float(got @ got))
    if not lengths:
        return 0.0
    return max(-1.0, min(1.0, float(expected @ got) / lengths))
