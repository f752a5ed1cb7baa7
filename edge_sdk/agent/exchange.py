"""The device's channels for blocks of files, over the link that it has: questions out, answers in.

Several may ask at once, each with an exchange of its own: an answer goes to whoever asked.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.wire import decode
from edge_sdk.wire.blocks import Block, Get

_MOST = 32
"""More answers than any window asks for; what nobody takes is given up, and asked for again."""


class BlockExchange:
    """See `edge_sdk.agent.fetch.mqtt.Exchange`."""

    def __init__(self, publish: Callable[[bytes], int | None]) -> None:
        """Take what publishes a question; it returns None where there is no connection."""
        self._publish = publish
        self._asked: deque[int] = deque(maxlen=_MOST)
        self._answers: queue.Queue[bytes] = queue.Queue(_MOST)

    def ask(self, payload: bytes) -> None:
        """Publish a question.

        Raises:
            UnavailableError: There is no connection.
        """
        self._asked.append(decode(Get, payload, where="up/get").request)
        if self._publish(payload) is None:
            raise UnavailableError("broker: expected a connection, got none")

    def answer(self, *, timeout_s: float) -> bytes | None:
        """Return the next answer; None if none comes in time."""
        with suppress(queue.Empty):
            return self._answers.get(timeout=timeout_s)
        return None

    def take(self, request: int, payload: bytes) -> None:
        """Take an answer, if it is one to a question of ours."""
        if request in self._asked:
            with suppress(queue.Full):
                self._answers.put_nowait(payload)


def hand_out(payload: bytes, exchanges: Sequence[BlockExchange]) -> None:
    """Give an answer to whoever asked; what is none is passed over."""
    with suppress(InputError):
        request = Block.decode(payload, where="down/block").request
        for exchange in exchanges:
            exchange.take(request, payload)
