"""`edge-sdk fleet release` and `edge-sdk fleet assign`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_sdk import files, records
from edge_sdk.cli import output
from edge_sdk.cli.fleet.options import AsJson, FleetOption, KeysOption, PassphraseOption, read_offline_keys
from edge_sdk.errors import InputError

if TYPE_CHECKING:
    from edge_sdk.fleet.repository.releases import Released

_MAX_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Assigned:
    """Who is to have what from now on.

    Attributes:
        kind: `devices` or `groups`.
        name: Of the device or group.
        release: NAME-VERSION; empty for none.
        revision: Of the assignment.
    """

    kind: str
    name: str
    release: str
    revision: int


def make_release(
    package: Annotated[Path, typer.Argument(help="The package, NAME-VERSION.edge.")],
    gates: Annotated[
        Path | None,
        typer.Option(help="TOML file of what it must show on a board before it is kept there; signed with it."),
    ] = None,
    *,
    keys: KeysOption = None,
    passphrase_file: PassphraseOption = None,
    fleet: FleetOption = Path(),
    as_json: AsJson = False,
) -> None:
    """Check a package, sign it and make it public; each board takes the variant of its family.

    Without the offline keys at hand it waits in repository/pending until `edge-sdk fleet keys sign` has signed it.

    Example: edge-sdk fleet release parts-1.edge
    """
    from edge_sdk.fleet.folder import Fleet
    from edge_sdk.fleet.repository.releases import add_release
    from edge_sdk.wire.release import Gates

    opened = Fleet(fleet)
    wanted = (
        records.read_toml(Gates, files.read_bytes(gates, max_bytes=_MAX_BYTES), where=str(gates)) if gates else None
    )
    offline = read_offline_keys(keys or opened.offline_keys, passphrase_file)
    repository = opened.repository([*offline.keys.values()])
    with opened.changing():
        released = add_release(repository, package, gates=wanted)
    output.emit(released, _release_lines(released, opened.path / "repository" / "pending"), as_json=as_json)


def assign_release(
    release: Annotated[str, typer.Argument(help="NAME-VERSION; 'none' takes away what was assigned.")],
    device: Annotated[str | None, typer.Argument(help="The device.", show_default=False)] = None,
    group: Annotated[str | None, typer.Option(help="A group instead of a device.")] = None,
    *,
    fleet: FleetOption = Path(),
    as_json: AsJson = False,
) -> None:
    """Tell which release a device or a group is to have; only what was signed offline can be assigned.

    Example: edge-sdk fleet assign parts-1 press-4
    """
    from edge_sdk.fleet.folder import Fleet
    from edge_sdk.fleet.repository.releases import assign

    if (device is None) == (group is None):
        raise InputError("assign: expected a device or --group, got both or none")
    wanted = "" if release == "none" else release
    opened = Fleet(fleet)
    kind, name = ("groups", group or "") if device is None else ("devices", device)
    with opened.changing():
        made = assign(opened.repository(), "groups" if device is None else "devices", name, wanted)
    record = Assigned(kind, name, made.release, made.revision)
    said = f"{record.name} is to have {record.release or 'no release'} (revision {record.revision})"
    output.emit(record, [said], as_json=as_json)


def _release_lines(released: Released, pending: Path) -> Iterator[str]:
    release = released.release
    families = ", ".join(f"{family} {one.size_bytes:,} bytes" for family, one in sorted(release.packages.items()))
    yield f"{release.title}: {families}"
    if released.is_public:
        yield f"signed and public; next: edge-sdk fleet assign {release.title} DEVICE"
    else:
        yield f"it waits for signatures: edge-sdk fleet keys sign {pending / 'targets.json'} --keys FOLDER"
        yield "then: edge-sdk fleet keys complete"
