"""What a worker is asked for and has to answer in time: what is open, and what came of it."""

from __future__ import annotations

import queue
from dataclasses import dataclass

from edge_sdk.agent.worker.messages import Compared, Refused, Shadow, Switch, Switched
from edge_sdk.errors import InputError, UnavailableError

Answer = Compared | Switched | Refused
Answers = queue.SimpleQueue[Answer]
"""Where the one answer comes."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A request without an answer yet.

    Attributes:
        request: It.
        until_s: When its time is over.
        answers: Where its answer is awaited.
        is_cold: Whether a worker of its own is started for it.
    """

    request: Shadow | Switch
    until_s: float
    answers: Answers
    is_cold: bool = False

    @property
    def is_hot_switch(self) -> bool:
        """Whether a worker of its own may still do what this one cannot."""
        return isinstance(self.request, Switch) and not self.is_cold


def await_answer(answers: Answers, wait_s: float, *, what: str) -> Answer:
    """Wait for an answer.

    Raises:
        UnavailableError: There is none in time.
    """
    try:
        return answers.get(timeout=wait_s)
    except queue.Empty:
        raise UnavailableError(f"worker: expected {what} within {wait_s:.0f} s, got no answer") from None


def refusal(answer: Answer) -> InputError | UnavailableError:
    """Return the error that an answer stands for: of the worker, or of the package."""
    cause = answer.cause if isinstance(answer, Refused) else f"worker: expected another answer, got {answer}"
    return UnavailableError(cause) if cause.startswith("worker: ") else InputError(cause)
