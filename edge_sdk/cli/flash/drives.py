"""`edge-sdk flash --list`: the drives of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edge_sdk.cli import output

if TYPE_CHECKING:
    from edge_sdk.flash.drives import Drive


def show(*, as_json: bool) -> None:
    """List drives, those that may be written first.

    Raises:
        InputError: This is no Linux.
        UnavailableError: `lsblk` does not answer.
    """
    from edge_sdk.flash.drives import list_drives

    drives = list_drives()
    output.emit(drives, _lines(drives), as_json=as_json)


def _lines(drives: Sequence[Drive]) -> Iterator[str]:
    if not drives:
        yield "no drives"
        return
    head = ("drive", "size", "by", "model", "holds", "may be written")
    yield from output.table(head, (_row(drive) for drive in drives))


def _row(drive: Drive) -> tuple[str, ...]:
    holds = "an image that was not written to its end" if drive.is_incomplete else drive.holds
    answer = f"no: {drive.refusal.got}" if drive.refusal else "yes"
    return (drive.path, f"{drive.size_bytes / 1e9:.1f} GB", drive.transport, drive.model, holds, answer)
