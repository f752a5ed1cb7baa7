"""A recording of the sink `record:`, again: `replay:recording`, `replay:recording?pace=real&source=camera:0`.

- Usually as fast as the model takes it, stamped with the place in the recording. With `pace=real` at its own pace and
  as a live source: samples come when they came then, and are dropped or late like those of a camera.
- Numbers that are missing in the recording are missing again, so that what follows things knows what nobody saw.
- Runs that were recorded one after the other are played without the time between them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError
from edge_sdk.records import near_match
from edge_sdk.runtime.frame import Clock, Sample
from edge_sdk.runtime.recording import Recorded, read_data, read_recording, unpack
from edge_sdk.runtime.sources.paced import Pace
from edge_sdk.runtime.sources.record import Address
from edge_sdk.tensors import Array, Tensors


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What the address may say.

    Attributes:
        pace: `fast` as the model takes them, or `real` as they were recorded.
        source: Only what came from there; empty takes all.
    """

    pace: Pace = "fast"
    source: str = ""


@dataclass(frozen=True, slots=True)
class _Placed:
    """A recorded sample, and its place: number and time, both from 0, and how long after the one before."""

    recorded: Recorded
    seq: int = 0
    at_ns: int = 0
    step_ns: int = 0


class Recording:
    """A recorded run, or several."""

    def __init__(self, address: Address) -> None:
        """Look through the recording once.

        Raises:
            InputError: It is not there, has nothing of the source, has sources without a common clock, or an option is
                wrong.
        """
        options = address.read_options(ReplayOptions)
        self.name, self.live = address.place, options.pace == "real"
        self._clock: Clock = "arrival" if self.live else "file"
        sources = _wanted(Path(address.place), options.source)
        self.fps = _rate(_in_place(Path(address.place), sources))
        self._placed = _in_place(Path(address.place), sources)
        self._start_ns = 0

    def read(self) -> Sample | None:
        """Return the next sample; see `Source.read`."""
        placed = next(self._placed, None)
        if placed is None:
            return None
        if self.live:
            self._start_ns = self._start_ns or monotonic_ns()
            time.sleep(max(0.0, (self._start_ns + placed.at_ns - monotonic_ns()) / 1e9))
        source = f"{self.name}/{placed.recorded.entry.source}"
        return Sample(_data(placed.recorded), placed.seq, self._start_ns + placed.at_ns, self._clock, source)

    def close(self) -> None:
        """Read no more."""
        self._placed = iter(())


def _wanted(folder: Path, source: str) -> frozenset[str]:
    """Return the sources that are to be played, which share a clock."""
    clocks = {recorded.entry.source: recorded.entry.clock for recorded in read_recording(folder)}
    if not clocks:
        raise InputError(f"{folder}: expected a recording, got none there", hint="record one: --sink record:FOLDER")
    told = ", ".join(sorted(clocks))
    if source and source not in clocks:
        raise InputError(
            f"{folder}: expected one of its sources ({told}), got '{source}'{near_match(source, [*clocks])}"
        )
    wanted = frozenset([source] if source else clocks)
    if len({clocks[name] == "file" for name in wanted}) > 1:
        raise InputError(
            f"{folder}: expected sources of one clock, got files beside others", hint=f"?source= of {told}"
        )
    return wanted


def _in_place(folder: Path, sources: frozenset[str]) -> Iterator[_Placed]:
    """Yield the samples in their order; those of one source with its gaps, those of several with numbers in a row."""
    placed: _Placed | None = None
    for recorded in read_recording(folder):
        if recorded.entry.source in sources:
            placed = _Placed(recorded) if placed is None else _after(placed, recorded, has_gaps=len(sources) == 1)
            yield placed


def _after(before: _Placed, recorded: Recorded, *, has_gaps: bool) -> _Placed:
    last, now = before.recorded.entry, recorded.entry
    if recorded.run != before.recorded.run:  # at the usual distance
        return _Placed(recorded, before.seq + 1, before.at_ns + before.step_ns, before.step_ns)
    step_ns = max(0, now.captured_ns - last.captured_ns)
    step = max(1, now.seq - last.seq) if has_gaps else 1
    return _Placed(recorded, before.seq + step, before.at_ns + step_ns, step_ns)


def _rate(samples: Iterator[_Placed]) -> float:
    count, last_ns = 0, 0
    for placed in samples:
        count, last_ns = count + 1, placed.at_ns
    return round((count - 1) / (last_ns / 1e9), 3) if last_ns else 0.0


def _data(recorded: Recorded) -> Array | Tensors:
    import cv2

    data, where = read_data(recorded), f"{recorded.path} #{recorded.entry.seq}"
    if recorded.entry.kind in {"npy", "npz"}:
        return unpack(data, where=where)
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise InputError(f"{where}: expected a picture, got {len(data)} bytes that cannot be decoded")
    return np.asarray(picture, np.uint8)
