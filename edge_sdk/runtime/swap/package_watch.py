"""Follows a path: whenever it leads to another package, that one is to take over.

- Whoever changes it moves a link, or renames a file over it; a file that is written in place is taken when it has stood
  still for a second.
- A package that was refused is not tried again until the path changes once more.
"""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from edge_sdk.errors import UnavailableError
from edge_sdk.runtime.swap.record import SwapOptions

if TYPE_CHECKING:
    from edge_sdk.runtime.loop import Run

_PERIOD_S = 1.0


class Identity(NamedTuple):
    """What tells one file from another, and from itself after it was written to."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> Identity | None:
        """Return that of the file a path leads to; None if it leads nowhere now."""
        try:
            stat = path.stat()
        except OSError:
            return None
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)


class PackageWatch:
    """Looks at a path once a second while it is used in `with`.

    Example:
        >>> with PackageWatch(run, Path("parts.edge"), identity, SwapOptions()):  # doctest: +SKIP
        ...     run.execute()
    """

    def __init__(
        self, run: Run, path: Path, opened: Identity | None, options: SwapOptions, *, period_s: float = _PERIOD_S
    ) -> None:
        """Prepare.

        Args:
            run: The run.
            path: Where the package is.
            opened: What the path led to before the model in use was opened.
            options: What a candidate must show.
            period_s: How often to look, in seconds.
        """
        self._run, self._path, self._options, self._period_s = run, path, options, period_s
        self._tried = self._seen = opened
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="package watch", daemon=True)

    def __enter__(self) -> PackageWatch:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self._is_over.set()
        self._thread.join()

    def _look_on(self) -> None:
        while not self._is_over.wait(self._period_s):
            self._look()

    def _look(self) -> None:
        seen, self._seen = self._seen, Identity.of(self._path)
        if self._seen is None or self._seen != seen or self._seen == self._tried:
            return
        try:
            self._run.swap(self._path, self._options)
        except UnavailableError:  # another one is under way: in a second again
            return
        self._tried = self._seen
