"""Programs of the system that know file systems, run in a folder of its own where the disk is called `disk`.

- Nothing is mounted, so neither root nor a driver is needed, and macOS can write ext4.
- A path may hold whatever the programs take for syntax (`@@`, `?offset=`, blanks): they see links with plain names.
- What they would read from the user's own settings is kept away.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer

from edge_sdk.errors import InputError, UnavailableError

Content = bytes | Path
_SETTINGS = {"LC_ALL": "C", "MTOOLSRC": os.devnull, "MTOOLS_SKIP_CHECK": "1"}
_FOLDERS = ("/usr/sbin", "/sbin", "/opt/homebrew/opt/e2fsprogs/sbin", "/usr/local/opt/e2fsprogs/sbin")
_CHUNK_BYTES = 1 << 20
_LIMIT_S = 900.0


@dataclass(frozen=True, slots=True)
class Bench:
    """A folder in which a program finds the disk as `disk`, and what it is to write under plain names."""

    folder: Path

    def stage(self, name: str, content: Content) -> None:
        """Lay down what is to be written; a file is linked, not copied."""
        place = self.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            place.symlink_to(content.resolve())
        else:
            place.write_bytes(content)

    def run(self, arguments: Sequence[str], *, package: str, take: Callable[[bytes], None]) -> tuple[int, str]:
        """Run a program until it ends.

        Args:
            arguments: The program and its arguments.
            package: The package of the system that brings it, for the hint.
            take: Called with what it writes, piece by piece; what this raises ends the program.

        Returns:
            Its exit code, and what it complained of.

        Raises:
            UnavailableError: It is not installed, or does not end.
        """
        program, *rest = arguments
        where = shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", ""), *_FOLDERS)))
        if where is None:
            raise UnavailableError(
                f"{program}: expected the program to be installed, got none",
                hint=f"apt install {package} / brew install {package}",
            )
        with (
            (self.folder / "complaint").open("w+b") as complaint,
            subprocess.Popen(  # noqa: S603  chosen by us, and no shell between
                [where, *rest],
                cwd=self.folder,
                env={**os.environ, **_SETTINGS},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaint,
            ) as process,
        ):
            assert process.stdout is not None  # noqa: S101  a pipe was asked for
            limit = Timer(_LIMIT_S, process.kill)
            limit.start()
            try:
                while chunk := process.stdout.read(_CHUNK_BYTES):
                    take(chunk)
                code = process.wait()
            except BaseException:
                process.kill()
                raise
            finally:
                limit.cancel()
            if code == -signal.SIGKILL:
                raise UnavailableError(f"{program}: expected an end within {_LIMIT_S:.0f} s, got none")
            complaint.seek(0)
            return code, complaint.read().decode(errors="replace").strip()


@contextmanager
def bench(disk: Path) -> Iterator[Bench]:
    """Lay a disk on a bench for the programs."""
    with TemporaryDirectory(prefix="edge-sdk-") as folder:
        (Path(folder) / "disk").symlink_to(disk.resolve())
        yield Bench(Path(folder))


@dataclass(slots=True)
class Bounded:
    """Collects what a program writes, up to a limit.

    Attributes:
        where: What starts the message if it is more.
        most_bytes: The limit.
    """

    where: str
    most_bytes: int
    _taken: bytearray

    @classmethod
    def of(cls, where: str, most_bytes: int) -> Bounded:
        """Begin with nothing."""
        return cls(where, most_bytes, bytearray())

    def __call__(self, chunk: bytes) -> None:
        """Take a piece.

        Raises:
            InputError: It would be more than the limit.
        """
        self._taken += chunk
        if len(self._taken) > self.most_bytes:
            raise InputError(f"{self.where}: expected at most {self.most_bytes} bytes, got more")

    @property
    def taken(self) -> bytes:
        """What has come."""
        return bytes(self._taken)
