"""The mark of a drive whose writing did not end: it stands where the partition table will, so nothing starts from it.

Plain text in the first sector, then zeros: no boot loader, partition parser or file system takes it for anything, and
a person who looks reads what it is.
"""

from __future__ import annotations

HEAD_BYTES = 1 << 20
"""What is written last: the partition table and what boot loaders keep behind it, before the first partition."""
_TEXT = b"edge-sdk: incomplete\nThe writing of this drive did not end, or has not ended yet. Write it again.\n"
LOOK_BYTES = 4096
"""How much of a drive tells whether it is marked: a sector of any drive."""


def incomplete_head() -> bytes:
    """Return the `HEAD_BYTES` that stand at the beginning of a drive while it is written."""
    return _TEXT.ljust(HEAD_BYTES, b"\0")


def is_incomplete(beginning: bytes) -> bool:
    """Tell whether a drive bears the mark.

    Args:
        beginning: Its first `LOOK_BYTES`.
    """
    return beginning.startswith(_TEXT)
