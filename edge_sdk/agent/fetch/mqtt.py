"""A repository behind the broker, for networks where no other port is open: the device pulls blocks, a few at a time.

- Never more than a window of blocks is asked for and not yet here: no broker's queue overflows, and none is lost there.
- What does not come in time is asked for again. That there is no such file is said outright; silence is an error.
- Answers to earlier questions are passed over: each question has a number that is not used again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

from edge_sdk.agent.fetch.source import block_length
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.wire import encode
from edge_sdk.wire.blocks import BLOCK_BYTES, Block, Get

_WINDOW = 8
_STEP = 2
"""How many blocks one question asks for: the next question goes out while the rest of the window is on its way."""
_PATIENCE_S = 10.0
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
        due = list(range(first_block, first_block + count))
        on_their_way: dict[int, int] = {}
        silences = 0
        while due or on_their_way:
            self._fill_window(file, due, on_their_way)
            block = self._answer(file, on_their_way)
            if block is None:
                silences += 1
                if silences > _MAX_SILENCES:
                    raise UnavailableError(f"{file}: expected a block within {self._patience_s:g} s, got none")
                due = sorted({*due, *on_their_way})
                on_their_way.clear()
            elif not block.is_found or block.size_bytes != size_bytes:
                raise UnavailableError(f"{file}: expected a file of {size_bytes} bytes, got none or another size")
            else:
                silences = 0
                del on_their_way[block.index]
                yield (
                    block.index,
                    block.data[: block_length(block.index, size_bytes=size_bytes, block_bytes=BLOCK_BYTES)],
                )

    def _first(self, file: str) -> Block:
        for _ in range(_MAX_SILENCES):
            waiting: dict[int, int] = {}
            self._fill_window(file, [0], waiting)
            block = self._answer(file, waiting)
            if block is not None:
                return block
        raise UnavailableError(f"{file}: expected an answer within {self._patience_s:g} s, got none")

    def _fill_window(self, file: str, due: list[int], on_their_way: dict[int, int]) -> None:
        """Ask for blocks that are due, as many as the window has room for, a run at a time."""
        while due and len(on_their_way) + min(_STEP, len(due)) <= self._window:
            run = _run(due, min(_STEP, len(due)))
            self._number += 1
            self._exchange.ask(encode(Get(self._number, file, run[0], len(run))))
            on_their_way.update(dict.fromkeys(run, self._number))
            self.asked += len(run)
            del due[: len(run)]

    def _answer(self, file: str, on_their_way: dict[int, int]) -> Block | None:
        """Return the next block that was asked for; None if none comes in time."""
        while (payload := self._exchange.answer(timeout_s=self._patience_s)) is not None:
            with suppress(InputError):  # not an answer that anybody could understand
                block = Block.decode(payload, where=_WHERE)
                if block.file == file and on_their_way.get(block.index) == block.request:
                    self.taken += 1
                    return block
        return None


def _run(due: list[int], most: int) -> list[int]:
    """Return the first indices that follow one another, at most so many."""
    run = due[:1]
    while len(run) < most and run[-1] + 1 == due[len(run)]:
        run.append(due[len(run)])
    return run
