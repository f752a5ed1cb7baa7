"""An ext4 partition of an image file or a block device, through debugfs: no mounting, no root, on macOS too.

- debugfs ends with 0 whatever happened: what it complains of is read, and what it wrote is read back by the caller.
- It does not write over a file: the old one is removed first.
- A file system that still has a journal to be replayed is not written: the replay would undo parts of it.

The superblock: Linux' Documentation/filesystems/ext4/super.rst.
"""

from __future__ import annotations

import hashlib
import re
import stat
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge_sdk import files
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.flash.image.partitions import Partition
from edge_sdk.flash.image.tool import Bench, Bounded, Content, bench

_PACKAGE = "e2fsprogs"
_MOST_LISTING_BYTES = 4 << 20
_MOST_DEPTH = 16
_NEEDS_RECOVERY = 0x4
_64BIT = 0x80
_ABSENT = "File not found by ext2_lookup"
_BANNER = re.compile(r"^debugfs \d+\.\d+\.\d+ \(.*\)$")
_LINK = re.compile(r'^Fast link dest: "(.*)"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Superblock:
    """What an ext4 says of itself.

    Attributes:
        size_bytes: Its size.
        free_bytes: What is free, what is kept for root included: root writes here.
        block_bytes: In what pieces it gives room away.
        needs_recovery: Whether its journal is yet to be replayed.
    """

    size_bytes: int
    free_bytes: int
    block_bytes: int
    needs_recovery: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder.

    Attributes:
        name: The name.
        mode: Kind and rights, as in `stat`.
        owner: User and group, by number.
        size_bytes: The file's size; 0 for a folder.
    """

    name: str
    mode: int
    owner: tuple[int, int]
    size_bytes: int

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.mode)


@dataclass(frozen=True, slots=True)
class Ext4Volume:
    """Files on an ext4 partition; a `Volume`. What is written belongs to root.

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

    def superblock(self) -> Superblock:
        """Read what it says of itself.

        Raises:
            InputError: It cannot be read.
        """
        try:
            with self.disk.open("rb") as file:
                file.seek(self.partition.start_bytes + 1024)
                head = file.read(1024)
        except OSError as exc:
            raise files.unreadable(self.disk, exc) from exc
        blocks, free, shift, wanted = (struct.unpack_from("<I", head, at)[0] for at in (0x4, 0xC, 0x18, 0x60))
        if wanted & _64BIT:
            blocks |= struct.unpack_from("<I", head, 0x150)[0] << 32
            free |= struct.unpack_from("<I", head, 0x158)[0] << 32
        block_bytes = 1024 << min(shift, 6)
        return Superblock(blocks * block_bytes, free * block_bytes, block_bytes, bool(wanted & _NEEDS_RECOVERY))

    def names(self, folder: str = "") -> frozenset[str]:
        """Return the names in a folder; none if there is no such folder."""
        return frozenset(entry.name for entry in self.entries(folder))

    def entries(self, folder: str = "") -> Iterator[Entry]:
        """Yield what is in a folder; nothing if there is no such folder."""
        for line in self._ask(f"ls -p /{folder}").splitlines():
            parts = line.split("/")  # an empty one, inode, mode, owner, group, name, size, an empty one
            if len(parts) == 8 and parts[5] not in ("", ".", ".."):
                yield Entry(parts[5], int(parts[2], 8), (int(parts[3]), int(parts[4])), int(parts[6] or 0))

    def entry(self, name: str) -> Entry | None:
        """Return one name, or None if it is not there."""
        path = PurePosixPath(name)
        return next((each for each in self.entries(_parent(name)) if each.name == path.name), None)

    def link(self, name: str) -> str:
        """Return where a symbolic link leads; empty if it is none."""
        found = _LINK.search(self._ask(f"stat /{name}"))
        return found[1] if found else ""

    def read(self, name: str, *, most_bytes: int) -> bytes | None:
        """Return a file, or None if there is none."""
        taken = Bounded.of(f"{self.where}, {name}", most_bytes)
        with bench(self.disk) as desk:
            _, complaint = desk.run(self._command(f"cat /{name}"), package=_PACKAGE, take=taken)
        return taken.taken if self._is_there(complaint) else None

    def head(self, name: str, size: int) -> bytes:
        """Return how a file starts; empty if there is none."""
        taken = Bounded.of("", size)
        try:
            with bench(self.disk) as desk:
                desk.run(self._command(f"cat /{name}"), package=_PACKAGE, take=taken)
        except InputError:  # it is longer, which was to be expected
            pass
        return taken.taken[:size]

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of a file as it is there; empty if there is none."""
        digest = hashlib.sha256()
        with bench(self.disk) as desk:
            _, complaint = desk.run(self._command(f"cat /{name}"), package=_PACKAGE, take=digest.update)
        return digest.hexdigest() if self._is_there(complaint) else ""

    def write(self, contents: Mapping[str, Content], *, private: Collection[str] = ()) -> None:
        """Write files, over those that are there, with their folders.

        Raises:
            InputError: Its journal is yet to be replayed.
            UnavailableError: It cannot be written, or is full.
        """
        self._require_clean()
        parents = {parent.as_posix() for name in contents for parent in PurePosixPath(name).parents}
        there = {parent: self.names(parent) for parent in parents}
        with bench(self.disk) as desk:
            commands = [
                f"mkdir /{parent}"
                for parent in sorted(parents - {"."})
                if PurePosixPath(parent).name not in there[_parent(parent)]
            ]
            for number, (name, content) in enumerate(contents.items()):
                desk.stage(f"staged/{number}", content)
                if PurePosixPath(name).name in there[_parent(name)]:
                    commands.append(f"rm /{name}")
                commands += [
                    f"write staged/{number} /{name}",
                    f"sif /{name} mode {'0100600' if name in private else '0100644'}",
                    f"sif /{name} uid 0",
                    f"sif /{name} gid 0",
                ]
            self._do(desk, commands)

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all in it; nothing if there is none."""
        found = self.entry(name)
        if found is not None:
            self._require_clean()
            with bench(self.disk) as desk:
                self._do(desk, list(self._removal(name, found, _MOST_DEPTH)))

    def size_bytes(self, name: str) -> int:
        """Return how much a file or folder takes there; 0 if there is none."""
        found = self.entry(name)
        if found is None:
            return 0
        inner = self.entries(name) if found.is_folder else ()
        return found.size_bytes + sum(self.size_bytes(f"{name}/{each.name}") for each in inner)

    def free_bytes(self) -> int:
        """Return how much is free, for root."""
        return self.superblock().free_bytes

    def cluster_bytes(self) -> int:
        """Return the size of a block."""
        return self.superblock().block_bytes

    def _removal(self, name: str, entry: Entry, depth: int) -> Iterator[str]:
        if not entry.is_folder:
            yield f"rm /{name}"
            return
        if not depth:
            raise InputError(f"{self.where}, {name}: expected folders at most {_MOST_DEPTH} deep, got deeper ones")
        for inner in self.entries(name):
            yield from self._removal(f"{name}/{inner.name}", inner, depth - 1)
        yield f"rmdir /{name}"

    def _require_clean(self) -> None:
        if self.superblock().needs_recovery:
            raise InputError(
                f"{self.where}: expected a file system that was unmounted, got one with a journal to replay",
                hint="start the board once and shut it down, or take a fresh image",
            )

    def _command(self, request: str) -> tuple[str, ...]:
        return "debugfs", "-R", request, f"disk?offset={self.partition.start_bytes}"

    def _ask(self, request: str) -> str:
        taken = Bounded.of(self.where, _MOST_LISTING_BYTES)
        with bench(self.disk) as desk:
            _, complaint = desk.run(self._command(request), package=_PACKAGE, take=taken)
        return taken.taken.decode(errors="replace") if self._is_there(complaint) else ""

    def _is_there(self, complaint: str) -> bool:
        said = _said(complaint)
        if said and _ABSENT not in said:
            raise InputError(f"{self.where}: expected an ext4 file system that debugfs can read, got: {said}")
        return not said

    def _do(self, desk: Bench, commands: Sequence[str]) -> None:
        desk.stage("commands", "".join(f"{command}\n" for command in commands).encode())
        taken = Bounded.of(self.where, _MOST_LISTING_BYTES)
        _, complaint = desk.run(
            ("debugfs", "-w", "-f", "commands", f"disk?offset={self.partition.start_bytes}"),
            package=_PACKAGE,
            take=taken,
        )
        if said := _said(complaint):
            raise UnavailableError(f"{self.where}: expected debugfs to write, got: {said}")


def _parent(name: str) -> str:
    return PurePosixPath(name).parent.as_posix()  # that of a name at the top is `.`, which debugfs takes for it too


def _said(complaint: str) -> str:
    """Return the first line of a complaint that is not debugfs' name and version."""
    return next((line for line in complaint.splitlines() if line.strip() and not _BANNER.match(line)), "")
