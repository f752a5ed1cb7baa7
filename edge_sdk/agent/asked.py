"""What somebody at the board itself asks for: one file a command, in a folder that only the agent's user may write.

The agent takes them as it takes those of the fleet; where it does not run, they wait for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edge_sdk import files
from edge_sdk.errors import InputError
from edge_sdk.wire import decode, encode
from edge_sdk.wire.messages import Command

_FOLDER = "asked"
_MAX_BYTES = 4096
_MOST = 16


def ask(folder: Path, name: str, arguments: dict[str, str] | None = None) -> Command:
    """Leave a command for the agent.

    Args:
        folder: The device's folder.
        name: What to do.
        arguments: How.

    Raises:
        UnavailableError: The folder cannot be written.
    """
    command = Command(f"local-{secrets.token_hex(6)}", name, arguments or {})
    files.write_bytes(folder / _FOLDER / f"{command.id}.json", encode(command))
    return command


def waiting(folder: Path) -> Iterator[tuple[Path, Command | None]]:
    """Yield the files that wait, each with its command, None for none; a file is to be deleted once it is taken."""
    with suppress(OSError):
        for path in sorted((folder / _FOLDER).glob("*.json"))[:_MOST]:
            try:
                yield path, decode(Command, files.read_bytes(path, max_bytes=_MAX_BYTES), where=path.name)
            except InputError:
                yield path, None
