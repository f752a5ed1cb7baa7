"""What the commands of a fleet read alike: its folder, and the passphrase of keys."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_sdk import files
from edge_sdk.errors import InputError

if TYPE_CHECKING:
    from edge_sdk.fleet.keyring import Offline

FleetOption = Annotated[
    Path, typer.Option("--fleet", envvar="EDGE_SDK_FLEET", help="The fleet's folder.", show_default="here")
]
KeysOption = Annotated[
    Path | None,
    typer.Option("--keys", help="Folder of the offline keys; keys-offline in the fleet's if not given."),
]
PassphraseOption = Annotated[
    Path | None, typer.Option("--passphrase-file", help="Whose first line encrypts the offline keys.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the record as JSON.")]
_MAX_BYTES = 4096


def read_passphrase(path: Path | None) -> str:
    """Return the first line of a file; empty without one.

    Raises:
        InputError: It cannot be read, or its first line is empty.
    """
    if path is None:
        return ""
    text = files.read_bytes(path, max_bytes=_MAX_BYTES).decode(errors="surrogateescape").partition("\n")[0]
    if not text.strip():
        raise InputError(f"{path}: expected a passphrase in the first line, got an empty one")
    return text


def read_offline_keys(folder: Path, passphrase_file: Path | None) -> Offline:
    """Return the offline keys that are in a folder; a passphrase that they need is asked for on a terminal.

    Raises:
        InputError: One cannot be read, or needs a passphrase that is not told.
    """
    from edge_sdk.fleet.keyring import Offline
    from edge_sdk.fleet.repository.keys import is_encrypted, read_key

    passphrase = read_passphrase(passphrase_file)
    paths = sorted(folder.glob("*.pem"))
    if not passphrase and any(map(is_encrypted, paths)):
        if not sys.stdin.isatty():
            raise InputError(f"{folder}: expected a passphrase for its keys, got none", hint="--passphrase-file FILE")
        passphrase = typer.prompt(f"passphrase of {folder}", hide_input=True, err=True)
    return Offline(folder, {path.stem: read_key(path, passphrase=passphrase) for path in paths}, passphrase)
