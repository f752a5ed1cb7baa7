"""An image onto a drive so that it is there whole, or the drive says that it is not.

- The first MiB, where the partition table is, is written last, when all else is on the medium and was read back. Until
  then the mark of `mark` stands there: whatever ends the writing (Ctrl-C, a kill, a pulled plug, an image that is
  damaged or of another size than said), nothing starts from the drive, and the list of drives says it is incomplete.
- The next blocks of the image and their SHA-256 are made in a thread beside the writing, and read back likewise.
- The end of the drive is wiped: a copy of the partition table (GPT) that stood there belongs to what is gone.
- Reading back compares with the digest after each block, so that the first wrong block is named.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from edge_sdk.errors import EdgeError, InputError, TrustError, UnavailableError
from edge_sdk.flash.advance import Advance, Tell
from edge_sdk.flash.ahead import BLOCK_BYTES, blocks_ahead
from edge_sdk.flash.block_devices import BlockDevice, number_of
from edge_sdk.flash.drives import Drive, choose, find_device
from edge_sdk.flash.mark import HEAD_BYTES, incomplete_head
from edge_sdk.flash.medium import ALIGNED_BYTES, Medium, aligned_buffer, claimed
from edge_sdk.flash.pieces import Piece, Pieces

_COUNTERFEIT = "the drive is worn out, or has less room than it says: take another"


@dataclass(frozen=True, slots=True)
class Written:
    """An image that is on a drive, read back.

    Attributes:
        drive: The drive's path.
        sha256: Of the image.
        size_bytes: Of the image.
        write_s: What writing it took, with its syncs.
        verify_s: What reading it back took.
    """

    drive: str
    sha256: str
    size_bytes: int
    write_s: float
    verify_s: float


def write_drive(drive: Drive, image: Iterable[Piece], *, size_bytes: int, tell: Tell = lambda _: None) -> Written:
    """Write an image onto a drive, read it back, and only then make it one that boots.

    Args:
        drive: The drive of the plan; if another has taken its place since, nothing is written.
        image: Its bytes, in pieces of any size; they are made in a thread of their own.
        size_bytes: How many there are.
        tell: Called after each block.

    Returns:
        What is on the drive.

    Raises:
        InputError: The drive is not that of the plan any more, or the image is not of this size.
        UnavailableError: The drive failed.
        TrustError: The drive gives back other bytes than it took.
        KeyboardInterrupt: It was interrupted; like all others, it says that the drive is incomplete if it is.
    """
    with held(drive, size_bytes) as medium:
        return write_medium(medium, image, size_bytes=size_bytes, tell=tell)


@contextmanager
def held(drive: Drive, least_bytes: int = 0) -> Iterator[Medium]:
    """Hold the drive of a plan while the block works on it: nothing mounts it, and no other takes its place.

    Args:
        drive: The drive of the plan.
        least_bytes: What has to fit on it.

    Raises:
        InputError: It is in use, may not be written any more, or is another drive.
    """
    with claimed(drive.path) as medium:
        _require_same(drive, find_device(drive.path), medium, least_bytes)
        yield medium


def write_medium(medium: Medium, image: Iterable[Piece], *, size_bytes: int, tell: Tell = lambda _: None) -> Written:
    """Write an image onto an open medium, as `write_drive` does.

    Raises:
        InputError: The image is not of this size.
        UnavailableError: The medium failed.
        TrustError: The medium gives back other bytes than it took.
    """
    if not HEAD_BYTES <= size_bytes <= medium.size_bytes:
        raise InputError(
            f"{medium.name}: expected an image of {HEAD_BYTES} to {medium.size_bytes} bytes, got {size_bytes}"
        )
    with _told_incomplete(medium.name):
        started_s = time.monotonic()
        _put_mark(medium)
        _wipe_end(medium, size_bytes)
        medium.sync()
        body = _write_body(medium, Pieces(image, size_bytes), tell)
        medium.sync()
        written_s = time.monotonic()
        _verify_body(medium, body, tell)
        verified_s = time.monotonic()
        _write_head(medium, body.head)
        medium.reread_partitions()
        head_s = time.monotonic() - verified_s
    return Written(
        medium.name, body.digests[-1].hex(), size_bytes, written_s - started_s + head_s, verified_s - written_s
    )


@dataclass(frozen=True, slots=True)
class _Body:
    """What was written: the size, the first MiB, which was not, and the digest of all up to the end of each block."""

    size_bytes: int
    head: memoryview
    digests: tuple[bytes, ...]

    def spans(self) -> Iterator[tuple[int, int]]:
        for start in range(0, self.size_bytes, BLOCK_BYTES):
            yield start, min(BLOCK_BYTES, self.size_bytes - start)


def _write_body(medium: Medium, pieces: Pieces, tell: Tell) -> _Body:
    """Write all but the first MiB."""
    digest, digests = hashlib.sha256(), []

    def fill(buffer: memoryview) -> memoryview:
        block = pieces.fill(buffer)
        digest.update(block)
        digests.append(digest.digest())
        return block

    head = aligned_buffer(HEAD_BYTES)
    offset, started_s = 0, time.monotonic()
    with blocks_ahead(fill) as blocks:
        for block in blocks:
            if offset == 0:
                head[:] = block[:HEAD_BYTES]
            begin = 0 if offset else HEAD_BYTES
            medium.write(block[begin:], offset + begin)
            offset += len(block)
            tell(Advance("write", offset, pieces.size_bytes, time.monotonic() - started_s))
    return _Body(pieces.size_bytes, head, tuple(digests))


def _verify_body(medium: Medium, body: _Body, tell: Tell) -> None:
    """Read back all but the first MiB, and compare."""
    spans = body.spans()

    def read(buffer: memoryview) -> memoryview:
        start, count = next(spans, (0, 0))
        begin = 0 if start else min(HEAD_BYTES, count)
        buffer[:begin] = body.head[:begin]
        medium.read(buffer[begin:count], start + begin)
        return buffer[:count]

    digest, end, started_s = hashlib.sha256(), 0, time.monotonic()
    with blocks_ahead(read) as blocks:
        for block, expected in zip(blocks, body.digests, strict=False):  # of the end there are more digests
            digest.update(block)
            start, end = end, end + len(block)
            if digest.digest() != expected:
                raise TrustError(
                    f"{medium.name}: expected what was written at {start} to {end}, got other bytes",
                    hint=_COUNTERFEIT,
                )
            tell(Advance("verify", end, body.size_bytes, time.monotonic() - started_s))


def _write_head(medium: Medium, head: memoryview) -> None:
    """Write the first MiB and read it back; if that fails, the mark stands again."""
    back = aligned_buffer(HEAD_BYTES)
    try:
        medium.write(head, 0)
        medium.sync()
        medium.read(back, 0)
        if back != head:
            raise TrustError(
                f"{medium.name}: expected what was written at 0 to {HEAD_BYTES}, got other bytes", hint=_COUNTERFEIT
            )
    except BaseException:
        with suppress(EdgeError):
            _put_mark(medium)
            medium.sync()
        raise


def _put_mark(medium: Medium) -> None:
    block = aligned_buffer(HEAD_BYTES)
    block[:] = incomplete_head()
    medium.write(block, 0)


def _wipe_end(medium: Medium, size_bytes: int) -> None:
    """Zero the last MiB, as far as the image does not reach."""
    after_image = -(-size_bytes // ALIGNED_BYTES) * ALIGNED_BYTES
    start = max(after_image, medium.size_bytes - HEAD_BYTES)
    if start < medium.size_bytes:
        medium.write(aligned_buffer(medium.size_bytes - start), start)


def _require_same(drive: Drive, found: BlockDevice, medium: Medium, size_bytes: int) -> None:
    """Check that the open medium is the drive of the plan: the same disk, not only the same name."""
    now = choose(found, size_bytes)
    if (
        number_of(medium.number) != now.number
        or medium.size_bytes != now.size_bytes
        or _identity(now) != _identity(drive)
    ):
        raise InputError(
            f"{drive.path}: expected the drive of the plan ({drive.title}), got another ({now.title})",
            hint="it was exchanged, or put in again: start anew; nothing was written",
        )


def _identity(drive: Drive) -> tuple[object, ...]:
    return drive.number, drive.size_bytes, drive.model, drive.serial, drive.sequence


@contextmanager
def _told_incomplete(name: str) -> Iterator[None]:
    """Have whatever ends the writing say what has become of the drive."""
    says = f"{name} is incomplete: nothing starts from it, and it says so until it is written again"
    try:
        yield
    except KeyboardInterrupt as exc:
        raise KeyboardInterrupt(says) from exc
    except EdgeError as exc:
        raise type(exc)(str(exc), hint="; ".join(filter(None, (exc.hint, says)))) from exc
    except OSError as exc:
        raise UnavailableError(
            f"image: expected a file that can be read, got {exc.strerror or exc}", hint=says
        ) from exc
