"""Samples that are worth a label, kept in a folder of bounded size: `keep:FOLDER?max_mb=500&blur=person`.

    offered = kept + duplicate + too-soon + over-rate + too-large

- A sample is offered when there is a reason to keep it; of what is kept, `dropped` have made room since.
- What is to be blurred is blurred in memory, before it is compared, encoded or written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from edge_sdk.errors import InputError
from edge_sdk.files import sha256_hex
from edge_sdk.package import Manifest
from edge_sdk.runtime.frame import Outcome, Sample, is_picture
from edge_sdk.runtime.kept.record import SCHEMA, Blurred, Kept, KnownModel, Reason, side_file
from edge_sdk.runtime.sinks.keep.blur import LEAST_SCORE, blurred
from edge_sdk.runtime.sinks.keep.judge import Judge, Worth
from edge_sdk.runtime.sinks.keep.options import KeepOptions
from edge_sdk.runtime.sinks.keep.pace import Pace
from edge_sdk.runtime.sinks.keep.picture import ALIKE_BITS, differing_bits, encode, likeness_of
from edge_sdk.runtime.sinks.keep.ring import Ring
from edge_sdk.runtime.sinks.keep.share import Entry, used_bytes
from edge_sdk.runtime.sources import Source
from edge_sdk.runtime.sources.record import Address
from edge_sdk.tasks import BOXED, build_task
from edge_sdk.tensors import Array

Fate = Literal["kept", "duplicate", "too-soon", "over-rate", "too-large"]
"""What became of a sample that was offered: it lies in the folder · something alike lies there · its source was looked
at for the same reasons a moment ago · these have used their rate up · it is larger than the folder."""


@dataclass(frozen=True, slots=True)
class _Shown:
    data: Array
    blurred: Blurred | None
    likeness: int


class Keep:
    """A folder that a run fills."""

    def __init__(self, address: Address, source: Source, *, wall_clock: Callable[[], float] = time.time) -> None:
        """Open the folder; see `Ring`.

        Raises:
            InputError: An option is wrong.
            UnavailableError: It cannot be written, or another run fills it.
        """
        self.name = f"keep:{address.place}"
        self._uri, self._options = address.uri, address.read_options(KeepOptions)
        self._wall_clock = wall_clock
        self._pace = Pace(self._options.reasons, per_hour=self._options.per_hour, gap_s=self._options.gap_s)
        self._fates: dict[str, int] = dict.fromkeys(get_args(Fate), 0)
        self._judge: Judge | None = None
        self._manifest: Manifest | None = None
        self._ring = Ring(Path(address.place), max_bytes=round(self._options.max_mb * 1e6))

    @property
    def counts(self) -> Mapping[str, int]:
        """What became of the samples that were offered, and how many were dropped since."""
        return {**self._fates, "dropped": self._ring.dropped}

    def serve(self, manifest: Manifest) -> float | None:
        """Take the model that the run begins with; return from which score on its candidates are wanted.

        Raises:
            InputError: Its samples cannot be kept as the address asks for.
        """
        self._options.require_fit(manifest, where=self._uri)
        self._manifest, self._judge = manifest, Judge(self._options, build_task(manifest.task))
        wanted = [LEAST_SCORE] if self._options.blurs_boxes else []
        if manifest.task.kind in BOXED and "margin" in self._options.reasons:
            wanted.append(max(0.0, manifest.task.score_threshold - self._options.margin))
        return min(wanted, default=None)

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Keep what is worth it; see `Sink.write`."""
        for worth in self._require_judge().judge(sample, outcome):
            self._offer(worth)

    def compare(self, sample: Sample, outcome: Outcome, agreement: float) -> None:
        """Keep a sample on which two models disagree; see `Comparing.compare`."""
        for worth in self._require_judge().compare(sample, outcome, agreement):
            self._offer(worth)

    def close(self) -> None:
        """Let another run fill the folder."""
        self._ring.close()

    def _require_judge(self) -> Judge:
        if self._judge is None:
            raise InputError(f"{self.name}: expected to know the model first, got an outcome")
        return self._judge

    def _offer(self, worth: Worth) -> None:
        self._fates[self._fate_of(worth)] += 1

    def _fate_of(self, worth: Worth) -> Fate:
        at_s = worth.sample.captured_ns / 1e9
        due = self._pace.due(worth.sample.source, worth.reasons, at_s)
        if not due:
            return "too-soon"
        reasons = sorted(due & self._pace.open_reasons(at_s))
        if not reasons:
            return "over-rate"
        shown = self._shown(worth)
        if any(differing_bits(shown.likeness, entry.likeness) <= ALIKE_BITS for entry in self._ring.entries):
            return "duplicate"
        reason = min(reasons, key=lambda one: used_bytes(self._ring.entries, one))
        if not self._put(worth, reason, shown):
            return "too-large"
        self._pace.spend(reason)
        return "kept"

    def _shown(self, worth: Worth) -> _Shown:
        """Return what of a sample may be seen."""
        data, options = worth.sample.data, self._options
        if not isinstance(data, np.ndarray):
            raise InputError(f"{self.name}: expected a picture or a window, got tensors by name")
        if not options.blur:
            return _Shown(data, None, likeness_of(data))
        if not is_picture(data):
            raise InputError(f"{self.name}: expected a picture to blur, got a window")
        picture, done = blurred(data, worth.outcome, what=options.blur, how=options.how)
        return _Shown(picture, done, likeness_of(picture))

    def _put(self, worth: Worth, reason: Reason, shown: _Shown) -> bool:
        form = self._options.format if is_picture(shown.data) else "npy"
        encoded = encode(shown.data, form, quality=self._options.quality)
        number, digest = self._ring.next_number, sha256_hex(encoded)
        kept = Kept(
            schema=SCHEMA,
            number=number,
            file=f"{number:08d}-{digest[:8]}.{form}",
            sha256=digest,
            size_bytes=len(encoded),
            shape=tuple(shown.data.shape),
            likeness=f"{shown.likeness:088x}",
            kept_unix_s=round(self._wall_clock(), 3),
            reason=reason,
            reasons={one: round(score, 6) for one, score in worth.reasons.items()},
            blurred=shown.blurred,
        )
        self._ring.know(worth.outcome.model, self._known(worth.outcome))
        entry = Entry(number, kept.file, reason, kept.reasons[reason], 0, shown.likeness)
        return self._ring.put(entry, encoded, side_file(kept, worth.outcome.to_data()))

    def _known(self, outcome: Outcome) -> KnownModel:
        assert self._manifest is not None  # noqa: S101  `serve` came before
        window = self._manifest.preprocess.window
        return KnownModel(
            schema=SCHEMA,
            task=self._manifest.task.kind,
            labels=outcome.labels,
            columns=window.columns if window else (),
        )
