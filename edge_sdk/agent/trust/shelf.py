"""Where verified metadata lie: files in one folder, and the floors in the database of what must outlive a power cut.

- A file is there whole or not at all, and on the disk, before it counts; the floors are on the disk before the file.
- Every root that was verified is kept, so that a torn `root.json` has a predecessor.
- Nothing here understands metadata: bytes in, bytes out.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from edge_sdk import files
from edge_sdk.agent.state import State
from edge_sdk.agent.trust.floors import Floors
from edge_sdk.errors import InputError

_FLOORS = "trust/floors"
_HISTORY = "root_history"
_MAX_BYTES = 5_000_000
"""No metadata file that TUF takes is larger."""


class Shelf:
    """The metadata of one repository.

    Attributes:
        folder: Where the files lie.
    """

    def __init__(self, folder: Path, state: State) -> None:
        self.folder = folder
        self._state = state

    def begin(self, root: bytes) -> None:
        """Keep the root that the device was given when it was set up; one that is there already stays.

        Raises:
            UnavailableError: The disk is full or cannot be written.
        """
        if not self._history():
            files.write_bytes(self.folder / _HISTORY / "0.root.json", root)
            files.write_bytes(self._path("root"), root)

    def root(self, number: int) -> bytes | None:
        """Return a root: 0 for the newest, then those of the history, newest first; None if there is no such.

        One that is lost is returned as no bytes.
        """
        paths = [self._path("root"), *self._history()]
        return (_read(paths[number]) or b"") if number < len(paths) else None

    def load(self, role: str) -> bytes | None:
        """Return the metadata of a role; None if there are none that can be read."""
        return _read(self._path(role))

    def floors(self) -> Floors:
        """Return the floors; those of a new database are none.

        Raises:
            UnavailableError: The disk cannot be read.
        """
        data = self._state.read(_FLOORS)
        return Floors() if data is None else Floors.decode(data)

    def keep(self, role: str, data: bytes, floors: Floors) -> None:
        """Keep verified metadata and the floors that follow from them; both are on the disk when this returns.

        Raises:
            UnavailableError: The disk is full or cannot be written.
        """
        self._state.write({_FLOORS: floors.encode()})
        if role == "root":
            files.write_bytes(self.folder / _HISTORY / f"{floors.root}.root.json", data)
        files.write_bytes(self._path(role), data)

    def _path(self, role: str) -> Path:
        return self.folder / f"{quote(role, safe='')}.json"

    def _history(self) -> list[Path]:
        found = [(path.name.removesuffix(".root.json"), path) for path in (self.folder / _HISTORY).glob("*.root.json")]
        numbered = [(int(number), path) for number, path in found if number.isdecimal()]  # that of the set-up is 0
        return [path for _, path in sorted(numbered, reverse=True)]


def _read(path: Path) -> bytes | None:
    with suppress(InputError):
        return files.read_bytes(path, max_bytes=_MAX_BYTES)
    return None
