"""Things of two results that are the same: pairs by how similar they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def pair_up(similarity: npt.NDArray[np.float64], *, least: float) -> list[tuple[int, int]]:
    """Return pairs (row, column), the most similar first; each row and column is in one pair at most.

    Args:
        similarity: How similar rows are to columns [n, m]; it is not changed.
        least: What a pair has at least.
    """
    left = similarity.copy()
    pairs = []
    while left.size and left.max() >= least:
        row, column = divmod(int(left.argmax()), left.shape[1])
        pairs.append((row, column))
        left[row, :] = left[:, column] = -np.inf
    return pairs


def within_classes(
    similarity: npt.NDArray[np.float64], ours: npt.NDArray[Any], theirs: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """Return the similarity [n, m] of things of the same class, and 0 for others."""
    return np.where(ours[:, np.newaxis] == theirs, similarity, 0.0)


def f1(pairs: float, ours: int, theirs: int) -> float:
    """Return how far two results of so many things agree by so many pairs, 0 to 1; 1 if both have none."""
    return 2.0 * pairs / (ours + theirs) if ours + theirs else 1.0
