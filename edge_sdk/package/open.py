"""Opens a package, which is to check all of it.

- Every byte is read once, from the start to the end, and compared or digested; memory does not grow with the package.
- Nothing is parsed before its digest is checked, except the manifest, which has a size limit.
- The package stays open: a file of it is read again on demand, wherever its path leads by then, and must still be what
  was checked.
"""

from __future__ import annotations

import hashlib
import io
import os
import weakref
import zlib
from pathlib import Path
from typing import IO, BinaryIO

from edge_sdk import files
from edge_sdk.errors import InputError, TrustError
from edge_sdk.package import layout
from edge_sdk.package.document import MAX_MANIFEST_BYTES, decode_manifest
from edge_sdk.package.manifest import MANIFEST_NAME, FileEntry, Manifest
from edge_sdk.package.onnx_facts import check_model
from edge_sdk.profiles import DeviceProfile, Family

_CHUNK_BYTES = 1 << 20


class ModelPackage:
    """A package of which every byte has been checked; there is no other.

    Attributes:
        path: Where it is, links resolved.
        manifest: What it is.
        files: All its files, `manifest.json` first.
        digest: SHA-256 of the whole package, its identity.
    """

    __slots__ = ("__weakref__", "_file", "_offsets", "digest", "files", "manifest", "path")

    def __init__(self, path: Path) -> None:
        """Open and check the package; see `open_package`."""
        self.path = Path(os.path.realpath(path))  # a link that leads elsewhere later does not change what is open
        try:
            if not self.path.is_file():
                got = "something else" if self.path.exists() else "nothing there"
                raise InputError(f"{path}: expected a package file, got {got}")
            self._file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            weakref.finalize(self, os.close, self._file)
            with open(self._file, "rb", closefd=False) as file:
                scan = _Scan(file, str(path))
                self.manifest, manifest_entry = scan.manifest()
                self.files = (manifest_entry, *self.manifest.entries)
                for entry in self.manifest.entries:
                    scan.entry(entry)
                self.digest = scan.end()
                self._offsets = {member.name: member.data_offset for member in scan.members}
                for variant in self.manifest.variants.values():
                    file.seek(self._offsets[variant.model.name])
                    check_model(file, variant, where=f"{path}: {variant.model.name}")
        except OSError as exc:
            raise files.unreadable(path, exc) from exc

    def read(self, entry: FileEntry) -> bytes:
        """Return the contents of a file of the package.

        Raises:
            InputError: The package has no such file, or can't be read any more.
            TrustError: The package is not the one that was opened.
        """
        data = io.BytesIO()
        self.copy(entry, data)
        return data.getvalue()

    def copy(self, entry: FileEntry, into: IO[bytes]) -> None:
        """Write the contents of a file of the package into another one, a piece at a time.

        Raises:
            InputError: The package has no such file, or can't be read any more.
            TrustError: The package is not the one that was opened; what was written is not to be used.
        """
        if entry not in self.files:
            raise InputError(f"{self.path}: expected a file of the package, got {entry.name!r}")
        digest, start = hashlib.sha256(), self._offsets[entry.name]
        for done in range(0, entry.size_bytes, _CHUNK_BYTES):
            piece = self._piece(start + done, min(_CHUNK_BYTES, entry.size_bytes - done))
            digest.update(piece)
            into.write(piece)
        if digest.hexdigest() != entry.sha256:
            raise TrustError(
                f"{self.path}: expected {entry.name} as it was when the package was opened, got other data"
            )

    def _piece(self, offset: int, size_bytes: int) -> bytes:
        try:
            return os.pread(self._file, size_bytes, offset)
        except OSError as exc:
            raise files.unreadable(self.path, exc) from exc

    def model_for(self, profile: DeviceProfile) -> tuple[Family, bytes]:
        """Return the family and the ONNX model that a board runs.

        Raises:
            InputError: The package has no variant for the board, or one that its onnxruntime can't load.
            TrustError: The package is not the one that was opened.
        """
        family = self.manifest.family_for(profile)
        return family, self.read(self.manifest.variants[family].model)

    def extract(self, folder: Path) -> None:
        """Write all files of the package into a new folder, which is there whole or not at all.

        Raises:
            InputError: The folder is there already.
            TrustError: The package is not the one that was opened.
            UnavailableError: The disk is full, or the folder cannot be written.
        """
        import tempfile

        if folder.exists() or folder.is_symlink():
            raise InputError(f"{folder}: expected a new folder, got one that is there already")
        files.require_free_space(folder.parent, sum(entry.size_bytes for entry in self.files))
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
                whole = Path(temporary) / "whole"
                for entry in self.files:
                    files.write_bytes(whole / entry.name, self.read(entry))
                whole.rename(folder)
        except OSError as exc:
            raise files.unwritable(folder, exc) from exc


def open_package(path: Path) -> ModelPackage:
    """Open a package and check every byte of it (docs/package.md lists what is refused).

    Args:
        path: The `.edge` file.

    Raises:
        InputError: It is not a package, is truncated, or is of a newer schema.
        TrustError: It is not what its manifest says, or holds what no package may hold.

    Example:
        >>> open_package(Path("resnet8-1.edge")).manifest.name  # doctest: +SKIP
        'resnet8'
    """
    return ModelPackage(path)


class _Scan:
    """One pass over the file, each byte into the digest of the whole."""

    def __init__(self, file: BinaryIO, where: str) -> None:
        self.members: list[layout.Member] = []
        self._file = file
        self._where = where
        self._digest = hashlib.sha256()

    def manifest(self) -> tuple[Manifest, FileEntry]:
        """Read the first file."""
        header = self._take(layout.header_bytes(MANIFEST_NAME))
        name, crc32, size_bytes = layout.claims(header)
        if name != MANIFEST_NAME:
            raise InputError(f"{self._where}: expected a package, which starts with {MANIFEST_NAME}, got other data")
        member = layout.Member(name, crc32, size_bytes, 0)
        self._compare(layout.file_header(member), header)
        if size_bytes > MAX_MANIFEST_BYTES:
            raise InputError(
                f"{self._where}: expected {MANIFEST_NAME} of at most {MAX_MANIFEST_BYTES} bytes, got {size_bytes}"
            )
        data = self._take(size_bytes)
        self._add(member, zlib.crc32(data))
        return decode_manifest(data, where=f"{self._where}: {MANIFEST_NAME}"), FileEntry.of(MANIFEST_NAME, data)

    def entry(self, entry: FileEntry) -> None:
        """Check the next file, which must be this one."""
        header = self._take(layout.header_bytes(entry.name))
        _, crc32, _ = layout.claims(header)
        member = layout.Member(entry.name, crc32, entry.size_bytes, self.members[-1].end_offset)
        self._compare(layout.file_header(member), header)
        digest, crc32, left_bytes = hashlib.sha256(), 0, entry.size_bytes
        while left_bytes:
            chunk = self._take(min(left_bytes, _CHUNK_BYTES))
            digest.update(chunk)
            crc32 = zlib.crc32(chunk, crc32)
            left_bytes -= len(chunk)
        if digest.hexdigest() != entry.sha256:
            raise TrustError(
                f"{self._where}: expected {entry.name} with SHA-256 {entry.sha256}, got {digest.hexdigest()}"
            )
        self._add(member, crc32)

    def end(self) -> str:
        """Check what follows the last file, and return the digest of the whole."""
        for expected in layout.directory(self.members):
            self._compare(expected, self._take(len(expected)))
        if self._file.read(1):
            raise TrustError(f"{self._where}: expected the end of the file, got more data")
        return self._digest.hexdigest()

    def _take(self, size_bytes: int) -> bytes:
        data = self._file.read(size_bytes)
        if len(data) < size_bytes:
            raise InputError(
                f"{self._where}: expected {size_bytes - len(data)} more bytes, got the end of the file",
                hint="it is not whole: copy it again",
            )
        self._digest.update(data)
        return data

    def _compare(self, expected: bytes, actual: bytes) -> None:
        if actual != expected:
            raise TrustError(f"{self._where}: {layout.difference(expected, actual)}")

    def _add(self, member: layout.Member, crc32: int) -> None:
        if crc32 != member.crc32:
            raise TrustError(f"{self._where}: {member.name}: expected CRC-32 {crc32:#x}, got {member.crc32:#x}")
        self.members.append(member)
