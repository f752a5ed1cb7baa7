"""benchmarks/flash.md: the figures of `scripts/bench flash` as a page; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.benchmarks.tables import table

_PAGE = """# Writing a drive, beside dd

Made by `scripts/bench flash` as root, on a machine that others use too: read the ratios. Medians of {rounds} in turns,
an image of random bytes that is in memory, 4 MiB a block, everything synced ({machine}).

{rows}

Goal: 90 % of the speed of `dd bs=4M conv=fsync` or more; `dd, direct` has `oflag=direct` too. Ours has in it the mark,
the wiped end, SHA-256, and the first MiB that comes last. Reading back, which `dd` does not do, stands beside it.

The drives are loop devices. The kernel holds the first one (blkio) to 60 MB/s of writing and of reading, as a good card
is. Through the cache that is less, since writing begins late: the larger the image, the smaller that loss. Without a
limit a loop device is memory and a fast disk: then SHA-256 decides, and who else uses the cores; `dd` computes nothing.

## Killed in the middle

A writing of 64 MiB was killed (SIGKILL) {killed} times, each at a random moment. Afterwards the drive said that it is
incomplete: {incomplete}; it was as before: {as_before}; it had the whole image: {whole}; something between, which must
not be: **{half}**.

## Customising an image file

A kit of 100 MB into an image with 1 GB of data, on a copy of it that then takes its place, everything read back and
synced. Goal: 60 s or less beyond copying.

{customised}
"""
_KINDS = {"trixie": "boot partition (cloud-init)", "debian": "ext4 root (systemd)"}
_COLUMNS = ("onto", "edge-sdk, MB/s", "dd, fsync", "dd, direct", "of dd, fsync", "of dd, direct", "reading back, MB/s")


def page(
    rows: Mapping[str, Mapping[str, Any]],
    kills: Mapping[str, int],
    customised: Mapping[str, Mapping[str, float]],
    *,
    rounds: int,
    machine: str,
) -> str:
    """Return the page.

    Args:
        rows: By what was written to: its bytes, and the seconds of each way and of reading back.
        kills: How often a writing that was killed left what.
        customised: By kind of image: the seconds of copying it, and of customising it.
        rounds: How often each was done.
        machine: What it was done on.
    """
    body = "\n".join(table(_COLUMNS, [_cells(onto, row) for onto, row in rows.items()]))
    states = {name.replace(" ", "_"): kills.get(name, 0) for name in ("incomplete", "as before", "whole", "half")}
    beyond = table(
        ("the kit goes into", "copying, s", "customising, s", "beyond copying, s"),
        [
            (_KINDS[kind], f"{took['copy']:.1f}", f"{took['customise']:.1f}", f"{took['customise'] - took['copy']:.1f}")
            for kind, took in customised.items()
        ],
    )
    states["customised"] = "\n".join(beyond)
    return _PAGE.format(rounds=rounds, machine=machine, rows=body, killed=sum(kills.values()), **states)


def _cells(onto: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    rates = [row["size_bytes"] / row[name] / 1e6 for name in ("edge-sdk", "dd, fsync", "dd, direct", "read back")]
    ours, fsync, direct, back = rates
    speeds = (f"{rate:.0f}" for rate in (ours, fsync, direct))
    return (onto, *speeds, f"{ours / fsync:.0%}", f"{ours / direct:.0%}", f"{back:.0f}")
