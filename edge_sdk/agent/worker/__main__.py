"""`python -m edge_sdk.agent.worker PARENT`: started by the agent, which speaks first; see `child`."""

from __future__ import annotations

import logging
import signal
import sys

from edge_sdk.agent.worker.listening import Mouth, die_with, limit_memory, own_output
from edge_sdk.agent.worker.messages import MAX_LINE_BYTES, Begin, Ended, decode_request
from edge_sdk.errors import EdgeError, InputError


def main(parent: int) -> int:
    """Be a worker; return the exit code."""
    mouth = Mouth(own_output())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the agent's, which then tells us
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    requests = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115  no lock is left held at the end
    try:
        die_with(parent)
        begin = decode_request(requests.readline(MAX_LINE_BYTES))
        if not isinstance(begin, Begin):
            raise InputError(f"agent: expected what to run first, got {type(begin).__name__}")
        limit_memory(begin.max_memory_bytes)
        from edge_sdk.agent.worker.child import Child  # takes most of the memory and time

        ended = Child(begin, mouth).work(requests)
    except EdgeError as exc:
        ended = Ended("model", str(exc))
    mouth.say(ended)
    return 0 if ended.part == "end" else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
