"""`edge-sdk fleet keys`: what keys and certificates there are, how they are renewed, whom nobody believes any more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from edge_sdk.cli import output
from edge_sdk.cli.fleet.options import AsJson, FleetOption, KeysOption, PassphraseOption, read_offline_keys
from edge_sdk.errors import InputError

if TYPE_CHECKING:
    from edge_sdk.fleet.keyring import Keyring, Ours, Revoked, Roles, Rotated, Signed

app = typer.Typer(help="List, renew and revoke keys and certificates.", no_args_is_help=True)
_RELOAD = "restart a broker that runs by itself, so that it reads the list; edge-sdk fleet serve --broker does it"
_OURS = ("broker", "server", "ingest", "desk")
_YES = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_DRY = Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would be done.")]


@app.command("list")
def list_keys(fleet: FleetOption = Path(), as_json: AsJson = False) -> None:
    """List the roles and their keys, the certificates and when they end, and the claims.

    Example: edge-sdk fleet keys list
    """
    from edge_sdk.fleet.folder import Fleet
    from edge_sdk.fleet.keyring import read_keyring

    keyring = read_keyring(Fleet(fleet))
    output.emit(keyring, _keyring_lines(keyring), as_json=as_json)


@app.command("revoke")
def revoke(
    device: Annotated[str, typer.Argument(help="The device.")],
    *,
    dry_run: _DRY = False,
    yes: _YES = False,
    fleet: FleetOption = Path(),
    as_json: AsJson = False,
) -> None:
    """Tell broker and server not to believe a device's certificates any more, and take no claim of it.

    Example: edge-sdk fleet keys revoke press-4 --dry-run
    """
    from edge_sdk.fleet.folder import Fleet
    from edge_sdk.fleet.keyring import revoke_device

    opened = Fleet(fleet)
    found = opened.authority().issued(device)
    serials = tuple(issued.serial for issued in found if not issued.is_revoked)
    output.note(f"{device}: certificates {', '.join(serials) or 'none'} will not be believed any more")
    if not dry_run:
        _ask(yes)
    record = revoke_device(opened, device, now_s=int(time.time()), is_dry_run=dry_run)
    output.emit(record, _revoked_lines(record), as_json=as_json)


@app.command("rotate")
def rotate(
    what: Annotated[
        Literal["broker", "server", "ingest", "desk", "online", "targets", "root"],
        typer.Argument(help="A certificate of ours, the key of the server's roles, or the keys of an offline role."),
    ],
    *,
    keys: KeysOption = None,
    passphrase_file: PassphraseOption = None,
    dry_run: _DRY = False,
    yes: _YES = False,
    fleet: FleetOption = Path(),
    as_json: AsJson = False,
) -> None:
    """Write a new key in the place of one; devices learn of roles' new keys by the signatures of the old ones.

    Example: edge-sdk fleet keys rotate broker --dry-run
    """
    from edge_sdk.fleet.folder import Fleet
    from edge_sdk.fleet.keyring import rotate_certificate, rotate_role

    opened = Fleet(fleet)
    output.note(f"{what}: gets a new key; the old one is not used any more")
    if not dry_run:
        _ask(yes)
    if what in _OURS:
        record = rotate_certificate(opened, cast("Ours", what), now_s=int(time.time()), is_dry_run=dry_run)
    else:
        offline = read_offline_keys(keys or opened.offline_keys, passphrase_file)
        record = rotate_role(opened, cast("Roles", what), offline, is_dry_run=dry_run)
    output.emit(record, _rotated_lines(record), as_json=as_json)


@app.command("sign")
def sign(
    document: Annotated[Path, typer.Argument(help="What waits: repository/pending/ROLE.json, or a copy of it.")],
    keys: Annotated[Path, typer.Option("--keys", help="Folder of the offline keys.")],
    passphrase_file: PassphraseOption = None,
    as_json: AsJson = False,
) -> None:
    """Write signatures to a document that waits, on a machine without a network.

    Example: edge-sdk fleet keys sign targets.json --keys /media/keys
    """
    from edge_sdk.fleet.keyring import sign_document

    signed = sign_document(document, read_offline_keys(keys, passphrase_file))
    output.emit(signed, _signed_lines(signed), as_json=as_json)


@app.command("complete")
def complete(fleet: FleetOption = Path(), as_json: AsJson = False) -> None:
    """Check what waits, and make public what has its signatures by now.

    Example: edge-sdk fleet keys complete
    """
    from edge_sdk.fleet.folder import Fleet

    opened = Fleet(fleet)
    with opened.changing():
        repository = opened.repository()
        done, missing = repository.complete(), repository.pending()
    lines = [f"{role} is public" for role in done] + [f"{role} lacks {n} signatures" for role, n in missing.items()]
    output.emit({"public": done, "missing": missing}, lines or ["nothing waits"], as_json=as_json)


def _ask(yes: bool) -> None:
    if not yes and not typer.confirm("go on?", err=True):
        raise InputError("asked: expected yes, got no")


def _keyring_lines(keyring: Keyring) -> Iterator[str]:
    rows = [(role.name, f"{role.threshold} of {len(role.keys)}", ", ".join(role.keys)) for role in keyring.roles]
    yield from output.table(("role", "must sign", "keys"), rows)
    yield ""
    yield from output.table(
        ("certificate", "of", "ends", ""),
        [
            (one.serial[:12], one.device, _day(one.expires_unix_s), "revoked" if one.is_revoked else "")
            for one in keyring.certificates
        ],
    )
    for claim in keyring.claims:
        used = "used" if claim.key_sha256 else "open"
        yield f"claim of {claim.device}: {used}, ends {_day(claim.expires_unix_s)}"
    for role, missing in keyring.pending.items():
        yield f"{role}.json waits for {missing} signatures"


def _revoked_lines(record: Revoked) -> Iterator[str]:
    does = "would be revoked" if record.is_dry_run else "is revoked"
    yield f"{record.device} {does}: {', '.join(record.serials) or 'it has no certificate that is believed'}"
    if not record.is_dry_run:
        yield _RELOAD


def _rotated_lines(record: Rotated) -> Iterator[str]:
    if record.is_dry_run:
        yield f"{record.what} would get a new key"
        return
    yield f"{record.what} has a new key: {', '.join(record.files)}"
    if not record.is_public:
        yield "it waits for signatures: edge-sdk fleet keys sign, then edge-sdk fleet keys complete"
    if record.what == "broker":
        yield "restart the broker"
    if record.what in {"root", "targets"}:
        yield "move the new files to where no network is"
    if record.old_files:
        yield f"destroy, once it is public: {', '.join(record.old_files)}"


def _signed_lines(record: Signed) -> Iterator[str]:
    yield f"{record.document}: {record.signatures} signatures; bring it back, then: edge-sdk fleet keys complete"


def _day(unix_s: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(unix_s))
