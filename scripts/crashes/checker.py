"""Tells whether a board has a model that loads and runs: a process of its own, asked a folder a line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType


class Checker:
    """The process; use it in `with`."""

    def __enter__(self) -> Checker:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scripts.crashes.checker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self._process.communicate()

    def runs(self, board: Path) -> str:
        """Return the digest of the package in use; or what is wrong with it, which has a space in it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{board}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


def _main() -> None:
    for line in sys.stdin:
        print(_check(Path(line.strip()) / "current" / "package.edge"), flush=True)


def _check(path: Path) -> str:
    import numpy as np

    from edge_sdk.errors import EdgeError
    from edge_sdk.package import open_package
    from edge_sdk.profiles import load_profile
    from edge_sdk.runtime import Pipeline

    try:
        package = open_package(path)
        with Pipeline.open(package, load_profile("x86-64-avx2")) as pipeline:
            red = np.zeros((32, 48, 3), np.uint8)
            red[:, :, 2] = 250
            result = pipeline(red)
    except (EdgeError, OSError) as exc:
        return f"broken: {exc}".replace("\n", " ")
    return package.digest if result.classes[0] == 0 else f"broken: expected red, got {result}"


if __name__ == "__main__":
    _main()
