"""Images as they come, packed or not, as a stream of bounded pieces: `.img`, `.xz`, `.gz`, `.zst`.

- What it is packed with is told by its first bytes, not by its name.
- A packed image that ends early or is damaged is told as that, whatever has come out of it before.
- A digest, given or in a `.sha256` file beside it, may be that of the file or of the image in it: publishers do both.
- Zeros become holes in a file.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import re
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from io import FileIO
from pathlib import Path
from typing import IO, BinaryIO, cast

from edge_sdk import files
from edge_sdk.errors import InputError, TrustError, UnavailableError

PIECE_BYTES = 4 << 20
MOST_IMAGE_BYTES = 256 << 30
"""No card is larger; what unpacks to more is no image."""

Progress = Callable[[int, int], None]
"""Called with how many bytes of the source have been read, and of how many."""

_HOLE_BYTES = 64 << 10
_MOST_DIGEST_FILE_BYTES = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")
_XZ, _GZIP, _ZSTD = b"\xfd7zXZ\0", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_NOT_TAKEN = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"7z\xbc\xaf\x27\x1c": "7z"}


@dataclass(frozen=True, slots=True)
class Digest:
    """An unpacked image.

    Attributes:
        sha256: Of the image.
        size_bytes: Of the image.
    """

    sha256: str
    size_bytes: int


def unpack_image(
    source: Path, into: Path | BinaryIO, progress: Progress = lambda *_: None, *, sha256: str = ""
) -> Digest:
    """Unpack an image into a file or another sink.

    Args:
        source: The image, packed or not.
        into: A new file, which has holes for zeros and is gone if anything fails; or what takes all bytes in order.
        progress: Called with each piece.
        sha256: What the source or the image must have; empty takes that of a `.sha256` file beside it, if there is one.

    Returns:
        The image's digest and size.

    Raises:
        InputError: It cannot be read, is truncated, damaged, or packed with something else; the new file is there.
        TrustError: It has another digest.
        UnavailableError: The disk is full, or a program is not installed.
    """
    wanted = (sha256 or digest_beside(source)).lower()
    if wanted and not _DIGEST.fullmatch(wanted):
        raise InputError(f"{source}: expected a SHA-256 of 64 hexadecimal digits, got {wanted!r}")
    if isinstance(into, Path):
        with _new_file(into) as file:
            done = _unpack(source, lambda piece: _write_sparsely(file, piece), progress)
            file.truncate(done.size_bytes)
            _check(source, done, wanted)
            return done
    try:
        done = _unpack(source, into.write, progress)
    except OSError as exc:
        raise UnavailableError(f"{source}: expected a sink that takes the image, got {exc.strerror or exc}") from exc
    _check(source, done, wanted)
    return done


def digest_beside(source: Path) -> str:
    """Return the SHA-256 in the file `NAME.sha256` beside an image; empty if there is no such file.

    Raises:
        InputError: It is there and does not name this image.
    """
    path = source.with_name(f"{source.name}.sha256")
    if not path.is_file():
        return ""
    for line in files.read_bytes(path, max_bytes=_MOST_DIGEST_FILE_BYTES).decode(errors="replace").splitlines():
        digest, _, name = line.strip().partition(" ")
        if _DIGEST.fullmatch(digest.lower()) and name.strip().lstrip("*") in ("", source.name):
            return digest.lower()
    raise InputError(f"{path}: expected the SHA-256 of {source.name}, got none")


def _unpack(source: Path, write: Callable[[bytes], object], progress: Progress) -> Digest:
    digest, size_bytes = hashlib.sha256(), 0
    for piece in _pieces(source, progress):
        digest.update(piece)
        size_bytes += len(piece)
        if size_bytes > MOST_IMAGE_BYTES:
            raise InputError(f"{source}: expected an image of at most {MOST_IMAGE_BYTES} bytes, got more")
        write(piece)
    return Digest(digest.hexdigest(), size_bytes)


def _check(source: Path, done: Digest, wanted: str) -> None:
    if wanted and wanted != done.sha256 and wanted != (got := files.sha256_of_file(source)):
        raise TrustError(
            f"{source}: expected SHA-256 {wanted}, got {got}, and {done.sha256} unpacked",
            hint="download the image again",
        )


def _pieces(source: Path, progress: Progress) -> Iterator[bytes]:
    try:
        with source.open("rb", buffering=0) as file:
            size_bytes = os.fstat(file.fileno()).st_size
            with _opened(file, source) as stream:
                while piece := stream.read(PIECE_BYTES):
                    progress(os.lseek(file.fileno(), 0, os.SEEK_CUR), size_bytes)
                    yield piece
    except EOFError as exc:
        raise InputError(f"{source}: expected a whole image, got a truncated one", hint="download it again") from exc
    except (lzma.LZMAError, zlib.error, gzip.BadGzipFile) as exc:
        raise InputError(f"{source}: expected an image, got a damaged one ({exc})", hint="download it again") from exc
    except OSError as exc:
        raise files.unreadable(source, exc) from exc


@contextmanager
def _opened(file: FileIO, source: Path) -> Iterator[IO[bytes]]:
    head = file.read(6)
    file.seek(0)
    for sign, name in _NOT_TAKEN.items():
        if head.startswith(sign):
            raise InputError(f"{source}: expected .img, .xz, .gz or .zst, got {name}", hint="unpack it first")
    if head.startswith(_XZ):
        yield cast(IO[bytes], lzma.LZMAFile(cast(IO[bytes], file)))  # noqa: SIM115  closed with the file
    elif head.startswith(_GZIP):
        yield cast(IO[bytes], gzip.GzipFile(fileobj=file))
    elif head.startswith(_ZSTD):
        with _zstd(file, source) as stream:
            yield stream
    else:
        yield cast(IO[bytes], file)


@contextmanager
def _zstd(file: FileIO, source: Path) -> Iterator[IO[bytes]]:
    """Unpack with Python 3.14 or newer itself, else with the program."""
    try:
        library = import_module("compression.zstd")
    except ImportError:
        with _zstd_program(file, source) as stream:
            yield stream
        return
    try:
        yield library.ZstdFile(file)
    except library.ZstdError as exc:
        raise InputError(f"{source}: expected an image, got a damaged one ({exc})", hint="download it again") from exc


@contextmanager
def _zstd_program(file: FileIO, source: Path) -> Iterator[IO[bytes]]:
    program = shutil.which("zstd")
    if program is None:
        raise UnavailableError(
            f"{source}: expected the program zstd to unpack it, got none", hint="apt install zstd / brew install zstd"
        )
    command = (program, "--decompress", "--stdout", "--quiet")
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=file, stdout=pipe, stderr=pipe) as process:  # noqa: S603  no shell between
        assert process.stdout is not None and process.stderr is not None  # noqa: S101  pipes were asked for
        try:
            yield process.stdout
        except BaseException:
            process.kill()
            raise
        said = process.stderr.read().decode(errors="replace").strip()
        if process.wait():
            raise InputError(f"{source}: expected a whole image, got: {said}", hint="download it again")


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("xb")
    except OSError as exc:
        raise InputError(f"{path}: expected a new file, got {exc.strerror or exc}") from exc
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException as exc:
        path.unlink(missing_ok=True)
        if isinstance(exc, OSError):
            raise files.unwritable(path, exc) from exc
        raise


def _write_sparsely(file: BinaryIO, piece: bytes) -> None:
    for at in range(0, len(piece), _HOLE_BYTES):
        part = piece[at : at + _HOLE_BYTES]
        if part.count(0) == len(part):
            file.seek(len(part), os.SEEK_CUR)
        else:
            file.write(part)
