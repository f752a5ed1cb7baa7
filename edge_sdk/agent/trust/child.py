"""Verification in a process of its own, for as long as it takes: the agent stays small, and no parser runs in it.

- The child computes; it opens no file of the board's and no connection. What it needs it asks of the agent, by pipes.
- It has limits of memory and processor time, and ends with the agent.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from contextlib import suppress

from edge_sdk.agent.trust.border import Channel, Given, Job, Message, Need, Outcome, Problem
from edge_sdk.agent.trust.floors import Floors
from edge_sdk.agent.trust.keeping import Fetch, Keeper
from edge_sdk.errors import EdgeError, InputError, TrustError, UnavailableError
from edge_sdk.wire.release import Offer

_PATIENCE_S = 120.0
"""How long the child may compute between two questions."""
_MAX_CPU_S = 300
_COMMAND = [sys.executable, "-I", "-c", "from edge_sdk.agent.trust.child import main; main()"]
_MAX_MEMORY_BYTES = 1 << 30


def run_in_child(job: Job, keeper: Keeper, fetch: Fetch) -> Offer | None:
    """Do a job of verification in a child process; as `job.run`.

    Raises:
        InputError: The release has no variant for the board, or is of a newer schema.
        TrustError: Something does not verify, has expired, or goes back.
        UnavailableError: The source is not there or lacks a file, or the child died.
    """
    with subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:  # noqa: S603  ours
        try:
            if child.stdin is None or child.stdout is None:
                raise UnavailableError("verification: expected pipes, got none")
            channel = Channel(child.stdout.fileno(), child.stdin.fileno(), patience_s=_PATIENCE_S)
            channel.send(job)
            return _serve(channel, keeper, fetch)
        finally:
            child.kill()


def _serve(channel: Channel, keeper: Keeper, fetch: Fetch) -> Offer | None:
    while True:
        message, data = channel.receive(Message)
        if message.need is not None:
            channel.send(*_give(message.need, data, keeper, fetch))
        elif message.outcome.problem is not None:
            raise message.outcome.problem.error()
        else:
            return message.outcome.offer


def _give(need: Need, data: bytes, keeper: Keeper, fetch: Fetch) -> tuple[Given, bytes]:
    try:
        found = _answer(need, data, keeper, fetch)
    except (InputError, TrustError, UnavailableError) as exc:
        return Given(is_there=False, problem=Problem.of(exc)), b""
    return Given(is_there=found is not None), found or b""


def _answer(need: Need, data: bytes, keeper: Keeper, fetch: Fetch) -> bytes | None:
    if need.what == "root":
        return keeper.root(need.number)
    if need.what == "load":
        return keeper.load(need.name)
    if need.what == "file":
        return fetch(need.name, need.number)
    if need.floors is None:
        raise InputError("verification: expected floors with what is to be kept, got none")
    keeper.keep(need.name, data, need.floors)
    return b""


class _Agent:
    """The agent, as the child sees it: a keeper and a source."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def root(self, number: int) -> bytes | None:
        return self._ask(Need("root", number=number))

    def load(self, role: str) -> bytes | None:
        return self._ask(Need("load", role))

    def keep(self, role: str, data: bytes, floors: Floors) -> None:
        self._ask(Need("keep", role, floors=floors), data)

    def fetch(self, file: str, max_bytes: int) -> bytes | None:
        return self._ask(Need("file", file, max_bytes))

    def _ask(self, need: Need, data: bytes = b"") -> bytes | None:
        self._channel.send(Message(need), data)
        given, found = self._channel.receive(Given)
        if given.problem is not None:
            raise given.problem.error()
        return found if given.is_there else None


def main() -> None:
    """Be the child: one job from stdin, its outcome to stdout."""
    resource.setrlimit(resource.RLIMIT_CPU, (_MAX_CPU_S, _MAX_CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
    from edge_sdk.agent.trust.job import run

    channel = Channel(0, 1, patience_s=None)
    job, _ = channel.receive(Job)
    agent = _Agent(channel)
    try:
        outcome = Outcome(offer=run(job, agent, agent.fetch))
    except EdgeError as exc:
        outcome = Outcome(problem=Problem.of(exc))
    with suppress(UnavailableError):  # the agent is gone, and nobody wants to know
        channel.send(Message(outcome=outcome))
