"""Statistics and results as named arrays, and back, exactly: what a cache keeps of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from edge_sdk.quantize.cache import Shelf
from edge_sdk.quantize.calibrate import Statistics
from edge_sdk.tasks import (
    Anomaly,
    Classification,
    Detections,
    Forecast,
    Instances,
    Poses,
    Result,
    SegmentationMap,
    TaskKind,
    TensorResult,
)
from edge_sdk.tensors import Array

_RESULTS: Mapping[TaskKind, type[Any]] = {
    "classification": Classification,
    "detection": Detections,
    "segmentation": SegmentationMap,
    "instances": Instances,
    "pose": Poses,
    "anomaly": Anomaly,
    "forecast": Forecast,
    "tensor": TensorResult,
}
_PLAIN: Mapping[type[Any], Callable[[Array], Any]] = {
    Classification: lambda array: tuple(array.tolist()),
    Anomaly: float,
}
"""Results whose fields are no arrays, and what they are."""


def statistics_to_arrays(seen: Mapping[str, Statistics]) -> dict[str, Array]:
    """Return the state of statistics by tensor, part and name."""
    return {
        f"{i}/{field.name}/{name}": array
        for i, statistics in enumerate(seen.values())
        for field in fields(statistics)
        for name, array in getattr(statistics, field.name).to_arrays().items()
    }


def restore_statistics(seen: Mapping[str, Statistics], arrays: Mapping[str, Array]) -> None:
    """Put kept state back into statistics of the same tensors in the same order."""
    for i, statistics in enumerate(seen.values()):
        for field in fields(statistics):
            start = f"{i}/{field.name}/"
            getattr(statistics, field.name).restore(
                {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
            )


@dataclass(frozen=True, slots=True)
class StatisticsKeeper:
    """Keeps statistics on a shelf while they grow; see `calibrate.Keeper`."""

    shelf: Shelf

    def restore(self, group: str, seen: Mapping[str, Statistics]) -> int:
        """Put back what was kept of a group, and return how many samples that has seen; 0 if there is nothing."""
        kept = self.shelf.load("statistics", group, *seen)
        if kept is None:
            return 0
        restore_statistics(seen, kept)
        return int(kept["samples"])

    def keep(self, group: str, seen: Mapping[str, Statistics], samples: int) -> None:
        """Keep what so many samples have shown of a group."""
        arrays = {**statistics_to_arrays(seen), "samples": np.array(samples)}
        self.shelf.save(arrays, "statistics", group, *seen)


def results_to_arrays(results: Sequence[Result]) -> dict[str, Array]:
    """Return results by number, field and, of a mapping, its key."""
    return {name: array for i, result in enumerate(results) for name, array in _result_arrays(str(i), result)}


def results_from_arrays(kind: TaskKind, arrays: Mapping[str, Array]) -> list[Result]:
    """Return the results of a task."""
    record = _RESULTS[kind]
    found: dict[int, dict[str, Any]] = {}
    for name, array in arrays.items():
        number, field, *key = name.split("/", 2)
        values = found.setdefault(int(number), {})
        if key:
            values.setdefault(field, {})[key[0]] = array
        else:
            values[field] = _PLAIN[record](array) if record in _PLAIN else array
    return [record(**found[i]) for i in range(len(found))]


def _result_arrays(number: str, result: Any) -> Iterator[tuple[str, Array]]:
    for field in fields(result):
        value = getattr(result, field.name)
        if isinstance(value, Mapping):
            yield from ((f"{number}/{field.name}/{key}", np.asarray(inner)) for key, inner in value.items())
        else:
            yield f"{number}/{field.name}", np.asarray(value)
