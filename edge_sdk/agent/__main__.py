"""`python -m edge_sdk.agent FOLDER [--json]`: what `edge-sdk agent run` becomes, without a command line's libraries."""

from __future__ import annotations

import json
import logging
import signal
import sys
from pathlib import Path

from edge_sdk.agent import heap
from edge_sdk.agent.main import run_agent
from edge_sdk.agent.standing import read_standing
from edge_sdk.errors import EdgeError
from edge_sdk.records import to_data

_INTERRUPTED = 130


def main(folder: Path, *, is_told: bool = False) -> int:
    """Run the agent; return the exit code.

    Args:
        folder: The device's folder.
        is_told: Whether to print what was reported last, as JSON, at the end.
    """
    heap.share_one()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        ended_by = run_agent(folder)
        if is_told:
            sys.stdout.write(json.dumps(to_data(read_standing(folder).reported)) + "\n")
        return _INTERRUPTED if ended_by == signal.SIGINT else 0
    except EdgeError as exc:
        sys.stderr.write("".join(f"error: {line}\n" for line in str(exc).splitlines()))
        if exc.hint:
            sys.stderr.write(f"hint: {exc.hint}\n")
        return exc.exit_code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), is_told="--json" in sys.argv[2:]))
