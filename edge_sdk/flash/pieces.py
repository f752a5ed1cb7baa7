"""An image that comes in pieces of any size, given out in blocks, and of the size that was said or an error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from edge_sdk.errors import InputError
from edge_sdk.files import unreadable

Piece = bytes | memoryview
_PIECE_BYTES = 1 << 20


def pieces_of(image: Path) -> Iterator[Piece]:
    """Yield the bytes of an image file; each piece is good until the next one is asked for.

    Raises:
        InputError: The file cannot be read.
    """
    piece = memoryview(bytearray(_PIECE_BYTES))
    try:
        with image.open("rb", buffering=0) as file:
            while count := file.readinto(piece):
                yield piece[:count]
    except OSError as exc:
        raise unreadable(image, exc) from exc


class Pieces:
    """An image on its way.

    Attributes:
        size_bytes: What it was said to have.
    """

    def __init__(self, image: Iterable[Piece], size_bytes: int) -> None:
        """Take an image of which nothing was read yet."""
        self._pieces, self._piece = iter(image), memoryview(b"")
        self.size_bytes, self._given_bytes = size_bytes, 0

    def fill(self, block: memoryview) -> memoryview:
        """Return the part of `block` that was filled; empty when the image has ended.

        Raises:
            InputError: The image has more bytes than was said, or fewer.
        """
        filled = 0
        while filled < len(block) and self._has_more():
            count = min(len(block) - filled, len(self._piece))
            block[filled : filled + count] = self._piece[:count]
            self._piece = self._piece[count:]
            filled += count
        self._given_bytes += filled
        if self._given_bytes > self.size_bytes or (filled < len(block) and self._given_bytes < self.size_bytes):
            got = "more" if self._given_bytes > self.size_bytes else f"its end at {self._given_bytes}"
            raise InputError(f"image: expected {self.size_bytes} bytes, got {got}", hint="it is damaged: get it again")
        return block[:filled]

    def _has_more(self) -> bool:
        while not self._piece:
            following = next(self._pieces, None)
            if following is None:
                return False
            self._piece = memoryview(following)
        return True
