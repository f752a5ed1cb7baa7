"""Samples on disk, never more than so many bytes of them, whole after every power cut.

- Room is made first, then the data file is written, then its side file, each whole or not at all (`files`); what is
  dropped loses its side file first. A sample is there if its side file is, so none is ever there by half.
- Nothing else has to be right: the index is read from what lies there, and what a cut left is removed then.
- Each sample costs four syncs: 11,520 a day at 120 samples an hour. So it is the rate that spares the card, and a
  sample that was counted is there after a power cut.
- One run fills a folder at a time.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from edge_sdk import files, records
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.files import unwritable
from edge_sdk.runtime.kept.record import MODELS, STEM, SUFFIXES, KnownModel, Piece, model_path, read_piece
from edge_sdk.runtime.sinks.keep.share import Entry, loser

log = logging.getLogger(__name__)

_BLOCK_BYTES = 4096
_PART = re.compile(rf"\.({STEM.pattern}\.(jpg|png|npy|json)|[0-9a-f]{{64}}\.json)\.[0-9a-f]{{8}}\.part")


class Ring:
    """A folder of samples, opened by the one run that fills it.

    Attributes:
        dropped: How many were dropped to make room.
        entries: What lies there, the oldest first.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        """Read what lies there, remove what a power cut left, and drop what is too much.

        Raises:
            UnavailableError: It cannot be written, or another run fills it.
        """
        self.dropped = 0
        self.entries: list[Entry] = []
        self._folder, self._max_bytes = folder, max_bytes
        self._other_bytes = 0
        self._models: dict[str, int] = {}
        self._lock = _locked(folder)
        try:
            self._read()
            self._make_room(None, 0)
        except OSError as exc:
            self.close()
            raise unwritable(folder, exc) from exc

    @property
    def size_bytes(self) -> int:
        """What it takes on disk, in whole blocks."""
        return sum(entry.size_bytes for entry in self.entries) + self._fixed_bytes

    @property
    def next_number(self) -> int:
        """The number of the next sample."""
        return self.entries[-1].number + 1 if self.entries else 1

    def know(self, sha256: str, model: KnownModel) -> None:
        """Write down what is known of a model, once.

        Raises:
            UnavailableError: It cannot be written.
        """
        if sha256 not in self._models:
            data = records.to_json(model).encode()
            self._make_room(None, _on_disk(len(data)))
            files.write_bytes(model_path(self._folder, sha256), data)
            self._models[sha256] = _on_disk(len(data))

    def put(self, entry: Entry, data: bytes, side: bytes) -> bool:
        """Keep a sample; return whether it fits at all.

        Args:
            entry: What is known of it; its size is told by the next two.
            data: Its data file.
            side: Its side file.

        Raises:
            UnavailableError: The disk is full, or gone.
        """
        sized = replace(entry, size_bytes=_on_disk(len(data)) + _on_disk(len(side)))
        if sized.size_bytes + self._fixed_bytes > self._max_bytes:
            return False
        path = self._folder / entry.file
        try:
            self._make_room(sized, sized.size_bytes)
            files.write_bytes(path, data)
            files.write_bytes(path.with_suffix(".json"), side)
        except OSError as exc:
            raise unwritable(path, exc) from exc
        except UnavailableError:
            with suppress(OSError):  # the data file without its side file; else removed when the folder is read again
                path.unlink(missing_ok=True)
            raise
        self.entries.append(sized)
        return True

    def close(self) -> None:
        """Let another run fill it; closing twice is harmless."""
        handle, self._lock = self._lock, -1
        if handle >= 0:
            os.close(handle)

    @property
    def _fixed_bytes(self) -> int:
        return self._other_bytes + sum(self._models.values())

    def _make_room(self, newcomer: Entry | None, wanted_bytes: int) -> None:
        while self.entries and self.size_bytes + wanted_bytes > self._max_bytes:
            entry = loser(self.entries, (newcomer or self.entries[0]).reason, wanted_bytes)
            _remove(self._folder / entry.file)
            self.entries.remove(entry)
            self.dropped += 1

    def _read(self) -> None:
        models = set()
        for path in sorted(self._folder.iterdir()):
            if _PART.fullmatch(path.name):
                path.unlink()
            elif STEM.fullmatch(path.stem) and path.suffix == ".json":
                models.add(self._take(path))
            elif STEM.fullmatch(path.stem) and path.suffix in SUFFIXES and not path.with_suffix(".json").exists():
                path.unlink(missing_ok=True)  # it may have gone with its side file just now
        self.entries.sort(key=lambda entry: entry.number)
        self._read_models(models)

    def _take(self, path: Path) -> str:
        """Take a side file; return the model that it names. One that cannot be read is left, and takes its place."""
        try:
            piece = read_piece(path)
        except InputError as exc:
            log.warning("%s", exc)
            alike = [path, *(path.with_suffix(suffix) for suffix in SUFFIXES)]
            self._other_bytes += sum(_on_disk(one.stat().st_size) for one in alike if one.exists())
            return ""
        if not piece.data_path.is_file() or piece.data_path.stat().st_size != piece.kept.size_bytes:
            _remove(piece.data_path)
            return ""
        self.entries.append(_entry_of(piece))
        return str(piece.outcome["model"])

    def _read_models(self, wanted: set[str]) -> None:
        for path in (self._folder / MODELS).glob("*"):
            if _PART.fullmatch(path.name) or (path.suffix == ".json" and path.stem not in wanted):
                path.unlink()
            elif path.suffix == ".json":
                self._models[path.stem] = _on_disk(path.stat().st_size)


def _entry_of(piece: Piece) -> Entry:
    kept = piece.kept
    size_bytes = _on_disk(kept.size_bytes) + _on_disk(piece.path.stat().st_size)
    return Entry(
        number=kept.number,
        file=kept.file,
        reason=kept.reason,
        score=kept.reasons.get(kept.reason, 0.0),
        size_bytes=size_bytes,
        likeness=int(kept.likeness, 16),
    )


def _remove(data_path: Path) -> None:
    data_path.with_suffix(".json").unlink(missing_ok=True)
    data_path.unlink(missing_ok=True)


def _on_disk(size_bytes: int) -> int:
    return -(-size_bytes // _BLOCK_BYTES) * _BLOCK_BYTES


def _locked(folder: Path) -> int:
    """Return the handle of a folder that this process alone holds."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as exc:
        raise unwritable(folder, exc) from exc
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        os.close(handle)
        raise UnavailableError(
            f"{folder}: expected a folder that no other run fills, got one in use", hint="give each run its own"
        ) from exc
    return handle
