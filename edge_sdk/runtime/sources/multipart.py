"""The parts of an endless multipart answer, which is how HTTP cameras send pictures.

- A part ends where its `Content-Length` says, or where the boundary comes; what stands between parts is passed over.
- Cameras write the boundary with or without the dashes that belong in front of it; both are understood.
- A part, and what is passed over, has a limit: nothing that a server sends grows without bound.
"""

from __future__ import annotations

from collections.abc import Callable

from edge_sdk.errors import InputError

_HEAD_BYTES = 16 << 10


class MultipartReader:
    """A multipart answer, read part by part.

    Args:
        read: Gives the next bytes, as many as there are; none at the end.
        boundary: What `Content-Type` calls the boundary.
        most_bytes: The largest part that is taken.
    """

    def __init__(self, read: Callable[[], bytes], boundary: str, *, most_bytes: int = 64 << 20) -> None:
        self._read, self._most_bytes = read, most_bytes
        self._boundary = b"--" + boundary.lstrip("-").encode("latin-1", "replace")
        self._waiting = bytearray()
        self._is_at_part = False

    def next_part(self) -> bytes | None:
        """Return the next part's content, or None at the end, also if that comes within a part.

        Raises:
            InputError: A part or its head is larger than the limit.
        """
        if not self._is_at_part and self._upto(self._boundary, self._most_bytes) is None:
            return None
        self._is_at_part = False
        length = self._content_length()
        if length is None:
            content = self._upto(self._boundary, self._most_bytes)
            self._is_at_part = content is not None
            return content
        if length > self._most_bytes:
            raise InputError(f"expected a part of at most {self._most_bytes} bytes, got {length}")
        while len(self._waiting) < length:
            if not self._fill():
                return None
        return self._take(length)

    def _content_length(self) -> int | None:
        """Read the head of a part; return what it says of the length, if anything."""
        length = None
        for number in range(_HEAD_BYTES):
            line = self._upto(b"\n", _HEAD_BYTES)
            if line is None or (number and not line.strip()):
                break
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length" and value.strip().isdigit():
                length = int(value)
        return length

    def _upto(self, mark: bytes, most_bytes: int) -> bytes | None:
        """Take what stands in front of a mark, and drop the mark; None if it never comes."""
        start = 0
        while (at := self._waiting.find(mark, start)) < 0:
            start = max(0, len(self._waiting) - len(mark) + 1)
            if start > most_bytes:
                raise InputError(f"expected {mark.decode('latin-1')!r} within {most_bytes} bytes, got none")
            if not self._fill():
                return None
        taken = self._take(at)
        del self._waiting[: len(mark)]
        return taken

    def _take(self, length: int) -> bytes:
        taken = bytes(self._waiting[:length])
        del self._waiting[:length]
        return taken

    def _fill(self) -> bool:
        received = self._read()
        self._waiting += received
        return bool(received)
