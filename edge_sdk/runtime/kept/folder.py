"""A folder of kept samples, read while a run may be filling it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge_sdk.errors import InputError
from edge_sdk.runtime.kept.record import STEM, Piece, read_piece


@dataclass(frozen=True, slots=True)
class Summary:
    """What a folder holds.

    Attributes:
        folder: It.
        count: How many samples.
        size_bytes: Of their data files and side files.
        reasons: How many by the reason whose share they take.
        sources: How many by source.
        models: How many by the SHA-256 of the model.
        blurred: How many were blurred.
        first_unix_s: When the oldest was kept, by the board's wall clock; None if there is none.
        last_unix_s: When the newest was.
    """

    folder: str
    count: int
    size_bytes: int
    reasons: Mapping[str, int]
    sources: Mapping[str, int]
    models: Mapping[str, int]
    blurred: int
    first_unix_s: float | None
    last_unix_s: float | None


def read_kept(folder: Path) -> tuple[Piece, ...]:
    """Return the samples of a folder, the oldest first; one that is dropped meanwhile is left out.

    Raises:
        InputError: There is no such folder, or it has nothing that was kept.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of kept samples, got nothing there")
    found = []
    for path in sorted(folder.glob("*.json")):
        if STEM.fullmatch(path.stem):
            with suppress(InputError):  # dropped by the run that fills it, or broken: not there either way
                found.append(read_piece(path))
    if not found:
        raise InputError(
            f"{folder}: expected kept samples, got none", hint="fill it: edge-sdk run … --sink keep:FOLDER"
        )
    return tuple(found)


def summarize(folder: Path, pieces: Sequence[Piece]) -> Summary:
    """Return what a folder holds."""
    times = [piece.kept.kept_unix_s for piece in pieces]
    return Summary(
        folder=str(folder),
        count=len(pieces),
        size_bytes=sum(piece.kept.size_bytes + _size_of(piece.path) for piece in pieces),
        reasons=_counted(piece.kept.reason for piece in pieces),
        sources=_counted(str(piece.outcome.get("source")) for piece in pieces),
        models=_counted(str(piece.outcome["model"]) for piece in pieces),
        blurred=sum(piece.kept.blurred is not None for piece in pieces),
        first_unix_s=min(times, default=None),
        last_unix_s=max(times, default=None),
    )


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
