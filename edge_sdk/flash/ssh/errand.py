"""Has the board's own Python do something: a program of `on_board`, a request and bytes go to its standard input.

- The command line on the board is one of two fixed texts. Nothing that a user, a file or a board named stands on it.
- `/usr/bin/python3` is taken, as by all that is installed: no environment that a login has made stands before it.
- The answer is the last line, JSON; `{"error": …, "hint": …}` is a refusal in words.
"""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from edge_sdk.errors import UnavailableError
from edge_sdk.flash.ssh.connection import USUAL, Answer, Connection, Limits

PYTHON = "/usr/bin/python3"
_LOAD = (
    f"{PYTHON} -I -c 'import sys; source = sys.stdin.buffer; "
    'exec(compile(source.read(int(source.readline())), "edge-sdk", "exec"))\''
)
_AS_ROOT = "sudo -n "
_NO_PROGRAM = 127
_MAX_LAST = 300


def run_errand(
    board: Connection,
    program: str,
    request: Mapping[str, object],
    *,
    given: Iterable[bytes] = (),
    sudo: bool = False,
    limits: Limits = USUAL,
) -> Any:
    """Have a program run on the board.

    Args:
        board: Where.
        program: Name of a module of `edge_sdk.flash.ssh.on_board`.
        request: What it is asked.
        given: Bytes that it reads after that.
        sudo: Whether it runs as root by sudo.
        limits: How long it may take, and how much it may say.

    Returns:
        Its answer, decoded.

    Raises:
        UnavailableError: The connection broke, there is no Python, or the program failed or refused.
    """
    text = importlib.resources.files("edge_sdk.flash.ssh.on_board").joinpath(f"{program}.py").read_bytes()
    head = (f"{len(text)}\n".encode(), text, json.dumps(request).encode() + b"\n")
    answer = board.run((_AS_ROOT if sudo else "") + _LOAD, given=chain(head, given), limits=limits)
    if answer.status:
        raise _failed(board, answer)
    try:
        found = json.loads(answer.output.splitlines()[-1])
    except (ValueError, IndexError) as exc:
        raise UnavailableError(f"{board.address}: expected an answer of {program}, got {_last(answer)}") from exc
    if isinstance(found, dict) and "error" in found:
        raise UnavailableError(f"{board.address}: {found['error']}", hint=str(found.get("hint", "")))
    return found


def _failed(board: Connection, answer: Answer) -> UnavailableError:
    if answer.status == _NO_PROGRAM:
        return UnavailableError(
            f"{board.address}: expected {PYTHON} on the board, got none", hint="sudo apt install python3, on the board"
        )
    return UnavailableError(f"{board.address}: expected an answer, got status {answer.status}: {_last(answer)}")


def _last(answer: Answer) -> str:
    said = (answer.errors or answer.output.decode(errors="replace")).strip().splitlines()
    return said[-1][:_MAX_LAST] if said else "nothing"
