"""`edge-sdk fleet init`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from edge_sdk.cli import output
from edge_sdk.cli.fleet.options import AsJson, PassphraseOption, read_passphrase


@dataclass(frozen=True, slots=True)
class Begun:
    """A fleet that was made, or would be.

    Attributes:
        folder: Where it is.
        name: Its name.
        broker: Where the broker will be.
        server: Where the HTTPS server will be.
        offline_keys: Keys that are to be moved to where no network is.
        is_encrypted: Whether they have a passphrase.
        is_dry_run: Whether nothing was made.
    """

    folder: str
    name: str
    broker: str
    server: str
    offline_keys: tuple[str, ...]
    is_encrypted: bool
    is_dry_run: bool


def begin(
    folder: Annotated[Path, typer.Argument(help="Its folder, new or empty.")],
    host: Annotated[
        list[str],
        typer.Option(help="Name or address of this machine; devices are told the first. May be repeated."),
    ],
    name: Annotated[str | None, typer.Option(help="Its name; the folder's if not given.")] = None,
    *,
    broker_port: Annotated[int, typer.Option(help="Port of MQTT over TLS.")] = 8883,
    port: Annotated[int, typer.Option(help="Port of HTTPS: enrolment and releases.")] = 8443,
    bind: Annotated[str, typer.Option(help="The address both listen on; all if not given.")] = "",
    passphrase_file: PassphraseOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Make nothing; say what would be made.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a fleet: keys, a repository, an authority for certificates, a broker's configuration.

    Example: edge-sdk fleet init plant --host fleet.example.com
    """
    from edge_sdk.fleet.folder import ROOT_KEYS, TARGETS_KEYS, Fleet, Settings, require_empty

    settings = Settings(name or folder.absolute().name, tuple(host), broker_port, port, bind)
    passphrase = read_passphrase(passphrase_file)
    if dry_run:
        require_empty(folder)
    else:
        Fleet.create(folder, settings, now_s=int(time.time()), passphrase=passphrase)
    keys = folder.absolute() / "keys-offline"
    names = [f"root-{i}.pem" for i in range(1, ROOT_KEYS + 1)] + [
        f"targets-{i}.pem" for i in range(1, TARGETS_KEYS + 1)
    ]
    record = Begun(
        str(folder.absolute()),
        settings.name,
        f"mqtts://{host[0]}:{broker_port}",
        f"https://{host[0]}:{port}",
        tuple(str(keys / file) for file in names),
        bool(passphrase),
        dry_run,
    )
    output.emit(record, _lines(record), as_json=as_json)


def _lines(record: Begun) -> Iterator[str]:
    does = "would be made" if record.is_dry_run else "is made"
    yield f"fleet {record.name} {does} in {record.folder}"
    yield f"broker   {record.broker}"
    yield f"server   {record.server}"
    yield ""
    yield "move to where no network is, and keep copies in two places; without them nothing can be released:"
    yield from (f"  {key}" for key in record.offline_keys)
    if not record.is_encrypted:
        yield "  they have no passphrase: whoever reads these files can release (--passphrase-file)"
    if os.geteuid() == 0:
        yield ""
        yield "it belongs to root, and so will the broker's process: better make it as a user of its own"
    yield ""
    yield "next:"
    yield f"  edge-sdk fleet serve --fleet {record.folder} --broker"
    yield f"  edge-sdk fleet enroll DEVICE --fleet {record.folder}"
    yield f"  edge-sdk fleet release NAME-VERSION.edge --fleet {record.folder}"
    yield f"  edge-sdk fleet assign NAME-VERSION DEVICE --fleet {record.folder}"
