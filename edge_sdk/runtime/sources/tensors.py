"""Arrays from NumPy files, one sample along their first axis: `x.npy`, `x.npz`, `x.npz:key`.

- A file with one array, or the array named by its key, gives pictures, windows or tensors, whatever the model takes.
- A file with more gives them all, by the names of the model's inputs.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.files import unreadable
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.sources.record import Address
from edge_sdk.tensors import Array


class TensorFile:
    """An NPY or NPZ file."""

    live = False
    fps = 1.0

    def __init__(self, address: Address) -> None:
        """Read the file.

        Raises:
            InputError: It is not there, is not of NumPy, or its arrays are not equally long.
        """
        address.refuse_options()
        self.name = address.place
        path, _, key = address.place.rpartition(":")
        self._arrays = _load(Path(path), key) if path else _load(Path(address.place), "")
        lengths = {array.shape[0] if array.ndim else 0 for array in self._arrays.values()}
        if len(lengths) != 1:
            raise InputError(
                f"{self.name}: expected arrays of equal length, got {', '.join(map(str, sorted(lengths)))}",
                hint="name the array: FILE.npz:key",
            )
        self._length = lengths.pop()
        self._next = 0

    def read(self) -> Sample | None:
        """Return the next sample; see `Source.read`."""
        if self._next >= self._length:
            return None
        seq, self._next = self._next, self._next + 1
        data = {name: array[seq] for name, array in self._arrays.items()}
        single = next(iter(data.values())) if len(data) == 1 else None
        return Sample(
            data if single is None else single, seq, captured_ns=seq * 1_000_000_000, clock="file", source=self.name
        )

    def close(self) -> None:
        """Read no more."""
        self._length = 0


def _load(path: Path, key: str) -> Mapping[str, Array]:
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            if key and key not in loaded.files:
                raise InputError(
                    f"{path}: expected an array '{key}', got {', '.join(loaded.files)}"
                    + records.near_match(key, loaded.files)
                )
            return {name: loaded[name] for name in ([key] if key else loaded.files)}
    except OSError as exc:
        raise unreadable(path, exc) from exc
    except (ValueError, EOFError, zipfile.BadZipFile) as exc:
        raise InputError(f"{path}: expected arrays of numbers in a NumPy file, got {exc}") from exc
