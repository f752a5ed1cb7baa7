"""What goes through the runtime: a sample from a source, and the outcome of the model on it.

- `captured_ns` of a live source is CLOCK_MONOTONIC, as near to the exposure as the source can tell.
- `captured_ns` of a file is the position in the file, so its outcomes have no age.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

import numpy as np

from edge_sdk import records
from edge_sdk.media import Image
from edge_sdk.tasks import Result
from edge_sdk.tensors import Array, Tensors

Clock = Literal["exposure", "readout", "driver", "arrival", "file"]
"""What was stamped: start of exposure, read-out, the driver's buffer, arrival in this process; or a place in a file."""


_PICTURE_AXES = 3


def is_picture(data: Array | Tensors) -> TypeGuard[Image]:
    """Tell whether a sample's data is a picture."""
    return isinstance(data, np.ndarray) and data.ndim == _PICTURE_AXES and data.dtype == np.uint8


@dataclass(frozen=True, slots=True)
class Sample:
    """One thing that a source captured.

    Attributes:
        data: A picture (uint8 [height, width, 3], blue green red), a window [samples, columns], or tensors by the names
            of the model's inputs, with or without their batch axis.
        seq: Its number at the source, from 0; a gap is a sample that could not be read.
        captured_ns: When it was captured, in nanoseconds of `clock`.
        clock: What `captured_ns` is.
        source: Where it comes from, such as `camera:0` or the file of a picture.
    """

    data: Array | Tensors
    seq: int
    captured_ns: int
    clock: Clock
    source: str


@dataclass(frozen=True, slots=True)
class Timings:
    """What the stages of one sample took, in milliseconds."""

    preprocess_ms: float
    infer_ms: float
    decode_ms: float

    @property
    def steps_ms(self) -> float:
        """All of them."""
        return self.preprocess_ms + self.infer_ms + self.decode_ms


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the model says about one sample.

    Attributes:
        seq: The sample's number.
        captured_ns: The sample's capture time.
        clock: What `captured_ns` is.
        source: Where the sample comes from.
        model: SHA-256 of the model's bytes, lower-case hexadecimal.
        value: What the task decoded.
        labels: Class names by index.
        timings: What the stages took.
        age_ms: Milliseconds from capture to this outcome; None for samples of a file.
        candidates: For boxes, if a sink wants it: what was found below the threshold too, with the same best ones.
    """

    seq: int
    captured_ns: int
    clock: Clock
    source: str
    model: str
    value: Result
    labels: tuple[str, ...]
    timings: Timings
    age_ms: float | None
    candidates: Result | None = None

    def to_data(self) -> dict[str, Any]:
        """Return the outcome as what `json.dumps` takes, without candidates; labels stand in `value`, by name."""
        return {
            "seq": self.seq,
            "captured_ns": self.captured_ns,
            "clock": self.clock,
            "source": self.source,
            "model": self.model,
            "age_ms": None if self.age_ms is None else round(self.age_ms, 3),
            "timings": {name: round(value, 3) for name, value in records.to_data(self.timings).items()},
            "value": self.value.to_data(self.labels),
        }
