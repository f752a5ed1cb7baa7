"""What was measured, kept on disk so that an interrupted run goes on where it stopped.

- A key is the SHA-256 of all that determines the value: what is measured, on what, by which program on which machine. A
  value is therefore never out of date; it is only no longer asked for.
- An entry begins with the digest of the rest. One that is damaged is removed and measured again, never trusted.
- Entries appear whole or not at all, whenever the process is killed.
- The folder has a bound; the entries that were used longest ago go first.
- A cache is an aid: where it cannot be read or written, the work is done without.
"""

from __future__ import annotations

import io
import os
import platform
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Protocol

import numpy as np

from edge_sdk.errors import EdgeError
from edge_sdk.files import read_bytes, sha256_hex, sha256_of_files, write_bytes
from edge_sdk.profiles import read_cpu
from edge_sdk.session import runtime_version, usable_threads
from edge_sdk.tensors import Array

DEFAULT_MAX_BYTES = 1 << 30
_MOST_ENTRY_BYTES = 64 << 20
_SUFFIX = ".kept"
_PART = ".part"
_DIGEST_BYTES = 64


class Cache(Protocol):
    """Bytes by key."""

    def get(self, key: str) -> bytes | None:
        """Return what was kept under a key, or None."""

    def put(self, key: str, data: bytes) -> None:
        """Keep data under a key."""


class NoCache:
    """Keeps nothing."""

    def get(self, key: str) -> bytes | None:
        """Return None."""

    def put(self, key: str, data: bytes) -> None:
        """Keep nothing."""


class FolderCache:
    """Entries as files of one folder.

    Args:
        folder: The folder; it is made if it is not there.
        max_bytes: The most that all entries together may take.
        on_use: Called before the first entry that is found and was not put here by this object.
    """

    def __init__(
        self, folder: Path, *, max_bytes: int = DEFAULT_MAX_BYTES, on_use: Callable[[], None] = lambda: None
    ) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._on_use: Callable[[], None] | None = on_use
        self._own: set[str] = set()
        self._prune()

    def get(self, key: str) -> bytes | None:
        """Return what was kept under a key; None if there is nothing, or something damaged."""
        path = self._path(key)
        try:
            stored = read_bytes(path, max_bytes=self._max_bytes)
        except EdgeError:
            return None
        data = stored[_DIGEST_BYTES:]
        with suppress(OSError):
            if sha256_hex(data).encode() != stored[:_DIGEST_BYTES]:
                path.unlink()
                return None
            os.utime(path)
        if self._on_use is not None and key not in self._own:
            self._on_use()
            self._on_use = None
        return data

    def put(self, key: str, data: bytes) -> None:
        """Keep data under a key, unless it is larger than the whole cache may be or the disk has no room."""
        if len(data) + _DIGEST_BYTES > self._max_bytes:
            return
        self._own.add(key)
        with suppress(EdgeError):
            write_bytes(self._path(key), sha256_hex(data).encode() + data)
        self._prune()

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_SUFFIX}"

    def _prune(self) -> None:
        """Remove what was used longest ago until the bound is kept; what a killed process left goes first."""
        with suppress(OSError):
            entries = [(path.stat(), path) for path in self._folder.iterdir() if path.suffix in {_SUFFIX, _PART}]
            total = sum(stat.st_size for stat, _ in entries)
            for stat, path in sorted(entries, key=lambda entry: (entry[1].suffix != _PART, entry[0].st_mtime_ns)):
                if total <= self._max_bytes:
                    return
                path.unlink(missing_ok=True)
                total -= stat.st_size


@dataclass(frozen=True, slots=True)
class Shelf:
    """The part of a cache whose values hang on the same inputs.

    Attributes:
        cache: The cache.
        inputs: What names the inputs: digests, settings.
    """

    cache: Cache = field(default_factory=NoCache)
    inputs: tuple[object, ...] = ()

    def load(self, *what: object) -> dict[str, Array] | None:
        """Return the arrays that were kept under this name, or None."""
        data = self.cache.get(self._key(what))
        if data is None:
            return None
        with np.load(io.BytesIO(data), allow_pickle=False) as loaded:
            return {name: loaded[name] for name in loaded.files}

    def save(self, arrays: Mapping[str, Array], *what: object) -> None:
        """Keep arrays under a name; what is so large that writing it takes long is not kept."""
        if isinstance(self.cache, NoCache) or sum(array.nbytes for array in arrays.values()) > _MOST_ENTRY_BYTES:
            return
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]  # allow_pickle=False would be an array for NumPy 1
        self.cache.put(self._key(what), buffer.getvalue())

    def _key(self, what: tuple[object, ...]) -> str:
        """Return the key of what these inputs determine, here, with these programs."""
        if isinstance(self.cache, NoCache):
            return ""
        return sha256_hex(repr((_environment(), self.inputs, what)).encode())


@cache
def _environment() -> tuple[object, ...]:
    """Return what besides the inputs could change a number: this program's code, its libraries, the machine."""
    import onnx

    code = sorted(Path(__file__).parents[1].rglob("*.py"))
    decoders = [metadata.version(name) for name in metadata.packages_distributions().get("cv2", ())]
    libraries = (platform.python_version(), np.__version__, onnx.__version__, runtime_version(), *decoders)
    arch, features = read_cpu()
    return (sha256_of_files(code), libraries, arch, tuple(sorted(features)), usable_threads())
