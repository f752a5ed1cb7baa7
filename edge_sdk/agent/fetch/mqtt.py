"""A repository behind the broker, for networks where no other port is open: the device pulls blocks, a few at a time.

- Never more than a window of blocks is asked for and not yet here: no broker's queue overflows, and none is lost there.
- What does not come in time is asked for again, less at once and with more patience: a slow line is not flooded, and an
  answer that comes late counts. That there is no such file is said outright; silence is an error.
- Each question has a number that is not used again: what is answered to an earlier fetch is passed over.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.wire import encode
from edge_sdk.wire.blocks import BLOCK_BYTES, Block, Get

_WINDOW = 8
_STEP = 2
"""How many blocks one question asks for: the next question goes out while the rest of the window is on its way."""
_PATIENCE_S = 10.0
_MAX_PATIENCE_S = 120.0
_MAX_SILENCES = 6
_WHERE = "down/block"


class Exchange(Protocol):
    """The device's channels `up/get` and `down/block`."""

    def ask(self, payload: bytes) -> None:
        """Publish a question.

        Raises:
            UnavailableError: There is no connection.
        """

    def answer(self, *, timeout_s: float) -> bytes | None:
        """Return the next answer; None if none comes in time."""


class MqttSource:
    """A repository behind the broker; used by one thread at a time.

    Attributes:
        asked: How many blocks have been asked for so far.
        taken: How many came that were wanted.
    """

    def __init__(self, exchange: Exchange, *, window: int = _WINDOW, patience_s: float = _PATIENCE_S) -> None:
        """Take the channels.

        Args:
            exchange: Where questions go and answers come from.
            window: How many blocks may be on their way.
            patience_s: How long to wait for any block before those on their way are asked for again.
        """
        self._exchange, self._window, self._patience_s = exchange, window, patience_s
        self._number = secrets.randbelow(1 << 40)
        self.asked = self.taken = 0

    def read(self, file: str, *, max_bytes: int) -> bytes | None:
        """Return a small file; None if the other side says that there is no such file.

        Raises:
            UnavailableError: Nobody answers, or the file is larger than `max_bytes`.
        """
        first = self._first(file)
        if not first.is_found:
            return None
        if first.size_bytes > max_bytes:
            raise UnavailableError(f"{file}: expected at most {max_bytes} bytes, got {first.size_bytes}")
        parts = {0: first.data}
        count = -(-first.size_bytes // BLOCK_BYTES)
        if count > 1:
            parts.update(self.stream(file, size_bytes=first.size_bytes, first_block=1, count=count - 1))
        data = b"".join(parts[index] for index in sorted(parts))
        if len(data) != first.size_bytes:
            raise UnavailableError(f"{file}: expected {first.size_bytes} bytes, got {len(data)}")
        return data

    def stream(self, file: str, *, size_bytes: int, first_block: int, count: int) -> Iterator[tuple[int, bytes]]:
        """Yield blocks of a file as they come.

        Raises:
            UnavailableError: Nobody answers, or there is no such file.
        """
        window = _Window(file, range(first_block, first_block + count), self._window, self._patience_s)
        since = self._number + 1
        while window.wants():
            self._fill(window)
            block = self._answer(window, since=since)
            if block is None:
                window.narrow()
            elif not block.is_found or block.size_bytes != size_bytes:
                raise UnavailableError(f"{file}: expected a file of {size_bytes} bytes, got none or another size")
            else:
                window.take(block.index)
                yield block.index, block.data

    def _first(self, file: str) -> Block:
        window = _Window(file, range(1), 1, self._patience_s)
        while True:
            since = self._number + 1
            self._fill(window)
            block = self._answer(window, since=since)
            if block is not None:
                return block
            window.narrow()

    def _fill(self, window: _Window) -> None:
        """Ask for what the window has room for, a run at a time."""
        while run := window.next_run():
            self._number += 1
            self._exchange.ask(encode(Get(self._number, window.file, run[0], len(run))))
            self.asked += len(run)

    def _answer(self, window: _Window, *, since: int) -> Block | None:
        """Return the next block that is wanted and was asked for by a question from `since` on; None if none comes."""
        while (payload := self._exchange.answer(timeout_s=window.patience_s)) is not None:
            with suppress(InputError):  # not an answer that anybody could understand
                block = Block.decode(payload, where=_WHERE)
                if block.file == window.file and block.request >= since and window.hear(block.index):
                    self.taken += 1
                    return block
        return None


class _Window:
    """Which blocks of a file are due, and which are on their way; pure.

    Attributes:
        file: Which file.
        patience_s: How long to wait for any block.
    """

    def __init__(self, file: str, wanted: range, most: int, patience_s: float) -> None:
        self.file, self.patience_s = file, patience_s
        self._due, self._on_their_way = list(wanted), set[int]()
        self._most, self._width, self._silences = most, most, 0

    def wants(self) -> bool:
        """Tell whether anything is due or on its way."""
        return bool(self._due or self._on_their_way)

    def hear(self, index: int) -> bool:
        """Note that a block has come, which breaks the silence; tell whether it was wanted, or is here already."""
        self._silences = 0
        return index in self._on_their_way or index in self._due

    def next_run(self) -> list[int]:
        """Return the next blocks to ask for, none if there is no room; they are on their way then."""
        count = min(_STEP, self._width, len(self._due))
        if not count or len(self._on_their_way) + count > self._width:
            return []
        run = self._due[:1]
        while len(run) < count and run[-1] + 1 == self._due[len(run)]:
            run.append(self._due[len(run)])
        del self._due[: len(run)]
        self._on_their_way.update(run)
        return run

    def take(self, index: int) -> None:
        """Note that a block is here."""
        self._on_their_way.discard(index)
        if index in self._due:
            self._due.remove(index)
        self._width = min(self._width + 1, self._most)

    def narrow(self) -> None:
        """Note that nothing came: all that is on its way is due again, in a window of half the width.

        Raises:
            UnavailableError: Nothing came too often.
        """
        self._silences += 1
        if self._silences == _MAX_SILENCES:
            raise UnavailableError(f"{self.file}: expected an answer within {self.patience_s:g} s, got none")
        self._width = max(1, self._width // 2)
        self.patience_s = min(self.patience_s * 2, _MAX_PATIENCE_S)
        self._due = sorted({*self._due, *self._on_their_way})
        self._on_their_way.clear()
