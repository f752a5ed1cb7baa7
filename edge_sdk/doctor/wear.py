"""How much of their life memory cards and disks have behind them, and whether file systems have met errors.

- eMMC tells its wear in steps of a tenth, and what is left of its reserve (JEDEC eMMC 5.1, EXT_CSD 267 to 269).
- SD cards tell nothing; their errors show in the counters of ext4.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_sdk.doctor.record import Finding, Subject

_WORN, _EXCEEDED = 8, 11
_RESERVE = {2: "80 % of its reserve is used", 3: "its reserve is used up"}
_REPLACE = "copy what matters and replace it; write less: --sink jsonl:PATH?max_mb=64, logs in memory"


def check_wear(subject: Subject) -> Iterator[Finding]:
    """Judge each card and file system that tells."""
    for device in sorted(subject.root.glob("sys/block/mmcblk*/device")):
        if (device / "life_time").exists():
            yield _worn(f"wear of {device.parent.name}", device)
        else:
            kind = (device / "type").read_text().strip() if (device / "type").exists() else "card"
            yield Finding(f"wear of {device.parent.name}", "not here", f"a card of type {kind} does not tell it")
    for counter in sorted(subject.root.glob("sys/fs/ext4/*/errors_count")):
        yield _errors(counter.parent.name, int(counter.read_text()))


def _worn(name: str, device: Path) -> Finding:
    tenths = max(int(part, 16) for part in (device / "life_time").read_text().split())
    reserve = _reserve(device / "pre_eol_info")
    told = (
        "beyond its life" if tenths >= _EXCEEDED else f"{max(0, tenths - 1) * 10} to {tenths * 10} % of its life used"
    )
    said = f"{told}{f', {reserve}' if reserve else ''}"
    if tenths >= _EXCEEDED or reserve == _RESERVE[3]:
        return Finding(name, "failed", said, _REPLACE)
    return Finding(name, "warning", said, _REPLACE) if tenths >= _WORN or reserve else Finding(name, "ok", said)


def _reserve(path: Path) -> str:
    return _RESERVE.get(int(path.read_text(), 16), "") if path.exists() else ""


def _errors(device: str, count: int) -> Finding:
    if count:
        cure = "sudo touch /forcefsck && sudo reboot; if errors come back, replace the card, and the power supply"
        return Finding(f"file system on {device}", "failed", f"{count} errors since it was last checked", cure)
    return Finding(f"file system on {device}", "ok", "no errors since it was last checked")
