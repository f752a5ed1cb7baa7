"""A FAT partition of an image file or a block device, through mtools: no mounting, no root."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.flash.image.partitions import Partition
from edge_sdk.flash.image.tool import Bench, Bounded, Content, bench

_PACKAGE = "mtools"
_MOST_LISTING_BYTES = 4 << 20
_ABSENT = re.compile(r"not found|does not exist|No such file|No match for target", re.IGNORECASE)
_FREE = re.compile(r"^\s*([\d ]+) bytes free", re.MULTILINE)
_LABEL = re.compile(r"Volume label is (.*?)\s*(?:\(abbr=.*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FatVolume:
    """Files on a FAT partition; a `Volume`.

    Attributes:
        disk: The image file or block device.
        partition: Where on it.
    """

    disk: Path
    partition: Partition

    @property
    def where(self) -> str:
        """The disk and the partition's number."""
        return f"{self.disk}, partition {self.partition.number}"

    def label(self) -> str:
        """Return the volume's label; empty if it has none.

        Raises:
            InputError: The file system is damaged.
            UnavailableError: mtools is not installed.
        """
        found = _LABEL.search(self._ask("mlabel", "-s", "::"))
        return found[1] if found else ""

    def names(self, folder: str = "") -> frozenset[str]:
        """Return the names in a folder, in lower case; none if there is no such folder."""
        listing = self._ask("mdir", "-a", "-b", f"::/{folder}", absent="")
        return frozenset(PurePosixPath(line).name.lower() for line in listing.splitlines() if line.startswith("::"))

    def read(self, name: str, *, most_bytes: int) -> bytes | None:
        """Return a file, or None if there is none."""
        taken = Bounded.of(f"{self.where}, {name}", most_bytes)
        with bench(self.disk) as desk:
            code, complaint = desk.run(self._command("mcopy", f"::/{name}", "-"), package=_PACKAGE, take=taken)
        if code and not _ABSENT.search(complaint):
            raise self._damaged(complaint)
        return None if code else taken.taken

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of a file as it is there; empty if there is none."""
        digest = hashlib.sha256()
        with bench(self.disk) as desk:
            code, complaint = desk.run(self._command("mcopy", f"::/{name}", "-"), package=_PACKAGE, take=digest.update)
        if code and not _ABSENT.search(complaint):
            raise self._damaged(complaint)
        return "" if code else digest.hexdigest()

    def write(self, contents: Mapping[str, Content], *, private: Collection[str] = ()) -> None:
        """Write files, over those that are there, with their folders; FAT knows no private ones."""
        folders: dict[str, list[str]] = defaultdict(list)
        with bench(self.disk) as desk:
            for name, content in contents.items():
                desk.stage(f"staged/{name}", content)
                folders[PurePosixPath(name).parent.as_posix()].append(f"staged/{name}")
            self._make_folders(desk, folders)
            for folder, staged in sorted(folders.items()):
                target = "::/" if folder == "." else f"::/{folder}/"
                self._do(desk, self._command("mcopy", "-o", "-Q", *staged, target))

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all in it; nothing if there is none."""
        if PurePosixPath(name).name.lower() in self.names(_parent(name)):
            with bench(self.disk) as desk:
                self._do(desk, self._command("mdeltree", f"::/{name}"))

    def size_bytes(self, name: str) -> int:
        """Return how much a file or folder takes there; 0 if there is none."""
        said = self._ask("mdu", "-s", f"::/{name}", absent="").split()
        return int(said[-1]) * self.cluster_bytes() if said and said[-1].isdigit() else 0

    def free_bytes(self) -> int:
        """Return how much is free."""
        found = _FREE.search(self._ask("mdir", "::/"))
        if found is None:
            raise self._damaged("no word of what is free")
        return int(found[1].replace(" ", ""))

    def cluster_bytes(self) -> int:
        """Return the size of a cluster, as the boot sector has it."""
        with self.disk.open("rb") as file:
            file.seek(self.partition.start_bytes + 11)
            head = file.read(3)
        return int.from_bytes(head[:2], "little") * head[2]

    def _make_folders(self, desk: Bench, folders: Iterable[str]) -> None:
        wanted = {
            parent.as_posix() for name in folders for parent in (PurePosixPath(name), *PurePosixPath(name).parents)
        }
        for folder in sorted(wanted - {"."}):
            if PurePosixPath(folder).name.lower() not in self.names(_parent(folder)):
                self._do(desk, self._command("mmd", f"::/{folder}"))

    def _command(self, program: str, *arguments: str) -> tuple[str, ...]:
        return program, "-i", f"disk@@{self.partition.start_bytes}", *arguments

    def _ask(self, program: str, *arguments: str, absent: str | None = None) -> str:
        taken = Bounded.of(self.where, _MOST_LISTING_BYTES)
        with bench(self.disk) as desk:
            code, complaint = desk.run(self._command(program, *arguments), package=_PACKAGE, take=taken)
        if code and absent is not None and _ABSENT.search(complaint):
            return absent
        if code:
            raise self._damaged(complaint)
        return taken.taken.decode(errors="replace")

    def _do(self, desk: Bench, command: tuple[str, ...]) -> None:
        taken = Bounded.of(self.where, _MOST_LISTING_BYTES)
        code, complaint = desk.run(command, package=_PACKAGE, take=taken)
        if code:  # a complaint alone is none: of loop devices, it cannot tell heads and cylinders
            raise UnavailableError(f"{self.where}: expected {command[0]} to write, got: {_said(complaint)}")

    def _damaged(self, complaint: str) -> InputError:
        return InputError(f"{self.where}: expected a FAT file system that mtools can read, got: {_said(complaint)}")


def _parent(name: str) -> str:
    parent = PurePosixPath(name).parent.as_posix()
    return "" if parent == "." else parent


def _said(complaint: str) -> str:
    return "; ".join(line for line in complaint.splitlines() if line.strip())[:300] or "nothing"
