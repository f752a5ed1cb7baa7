"""What a sample looks like in short, so that hundreds can be held against each other.

- A digest of the tensors: equal for exact copies, whatever the files are called.
- Of pictures also a thumbnail, standardized: nearly equal for copies that were encoded or resized again, and for frames
  of a video that stands still. What differs in one place, such as something small that moved, is no copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_sdk.files import sha256_hex
from edge_sdk.preprocess import ImageSteps
from edge_sdk.samples import Item
from edge_sdk.tensors import Array

_SIDE = 24
_LEAST_CORRELATION = 0.98
_MOST_APART = 0.35
"""Greatest difference of one point of two alike thumbnails, in standard deviations of the picture."""
_FLAT = 1e-6

Thumbnail = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Look:
    """One sample in short.

    Attributes:
        name: The sample's name.
        digest: SHA-256 of its tensors.
        is_flat: Whether each channel of its picture, or each of its tensors, has one value only.
        thumbnail: float32 [points], mean 0 and deviation 1; None where there is no picture, or a flat one.
    """

    name: str
    digest: str
    is_flat: bool
    thumbnail: Thumbnail | None = None


def look_at(item: Item, steps: ImageSteps | None) -> Look:
    """Return what a sample looks like; `steps` are those of a picture."""
    digest = sha256_hex(b"".join(item.tensors[name].tobytes() for name in sorted(item.tensors)))
    if steps is None:
        is_flat = all(values.size > 1 and _spread(values) <= _FLAT for values in item.tensors.values())
        return Look(item.name, digest, is_flat)
    picture = next(iter(item.tensors.values()))[0].astype(np.float32)
    planes = picture if steps.layout == "nchw" else picture.transpose(2, 0, 1)
    if max(_spread(plane) for plane in planes) <= _FLAT:
        return Look(item.name, digest, is_flat=True)
    return Look(item.name, digest, is_flat=False, thumbnail=_thumbnail(planes))


def find_copies(looks: Sequence[Look]) -> list[tuple[Look, Look]]:
    """Return each sample that is a copy of an earlier one, with that one."""
    alike = _alike(looks, looks)
    pairs = ((i, np.flatnonzero(alike[i, :i])) for i in range(len(looks)))
    return [(looks[i], looks[earlier[0]]) for i, earlier in pairs if earlier.size]


def find_shared(looks: Sequence[Look], others: Sequence[Look]) -> list[tuple[Look, Look]]:
    """Return each of the others of which there is a copy, under another name, among the looks, with that one."""
    alike = _alike(others, looks)
    alike &= np.array([[other.name != look.name for look in looks] for other in others], bool)
    pairs = ((i, np.flatnonzero(alike[i])) for i in range(len(others)))
    return [(others[i], looks[copies[0]]) for i, copies in pairs if copies.size]


def _alike(first: Sequence[Look], second: Sequence[Look]) -> npt.NDArray[np.bool_]:
    """Return for each two whether one is a copy of the other, [first, second]."""
    alike = np.array([[a.digest == b.digest for b in second] for a in first], bool)
    rows, columns = ([i for i, look in enumerate(looks) if look.thumbnail is not None] for looks in (first, second))
    if not rows or not columns:
        return alike
    left, right = _stacked(first[i] for i in rows), _stacked(second[i] for i in columns)
    correlation = left @ right.T / left.shape[1]
    for i, j in np.argwhere(correlation >= _LEAST_CORRELATION):
        alike[rows[i], columns[j]] |= bool(np.abs(left[i] - right[j]).max() <= _MOST_APART)
    return alike


def _stacked(looks: Iterable[Look]) -> npt.NDArray[np.float64]:
    return np.stack([look.thumbnail for look in looks if look.thumbnail is not None]).astype(np.float64)


def _thumbnail(planes: npt.NDArray[np.float32]) -> Thumbnail:
    """Return the means of up to 24x24 fields of each plane [channels, height, width], standardized together."""
    small = planes.astype(np.float64)
    for axis in (1, 2):
        size = small.shape[axis]
        starts = np.linspace(0, size, min(_SIDE, size), endpoint=False).astype(int)
        shape = [1, 1, 1]
        shape[axis] = -1
        small = np.add.reduceat(small, starts, axis=axis) / np.diff([*starts, size]).reshape(shape)
    return np.asarray((small - small.mean()) / max(float(small.std()), _FLAT), np.float32).ravel()


def _spread(values: Array) -> float:
    return float(values.max()) - float(values.min())
