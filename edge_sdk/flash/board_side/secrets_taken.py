"""Takes the kit's secrets off the boot partition, which anybody with the card can read, to where only root can.

- A secret is on the root file system before it is wiped on the partition, so it is never lost; it is wiped there in
  turn when it has been used.
- A partition that cannot be written keeps its secrets, which is told; by their digests none is used twice.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from edge_sdk.flash.board_side import durable
from edge_sdk.flash.board_side.places import Places

CLAIM, WIFI = "claim.json", "wifi.json"
NAMES = (CLAIM, WIFI)
_TAKEN = "taken"


def are_new(places: Places) -> bool:
    """Tell whether the kit holds a secret that was not taken yet, or one is taken and not used yet."""
    taken = _taken(places)
    return any(
        (places.boot / name).exists() or (is_whole(data := _read(places.kit / name)) and _digest(data) not in taken)
        for name in NAMES
    )


def take(places: Places) -> list[str]:
    """Take all secrets off the kit.

    Returns:
        What could not be wiped there, a line each.

    Raises:
        OSError: The root file system cannot be written.
    """
    told, kept = [], set()
    for name in NAMES:
        data = _read(places.kit / name)
        if is_whole(data) and _digest(data) not in _taken(places):
            durable.write(places.boot / name, data, mode=0o600)
        if not durable.wipe(places.kit / name):
            kept.add(_digest(data))
            told.append(f"{name}: expected it to be wiped off the kit, got a folder that cannot be written")
    if kept != _taken(places):
        durable.write(places.boot / _TAKEN, "\n".join(sorted(kept)).encode(), mode=0o600)
    return told


def is_whole(data: bytes) -> bool:
    """Tell whether it is a secret, and not what a wipe that was cut off has left."""
    return any(data)


def _taken(places: Places) -> set[str]:
    return set(_read(places.boot / _TAKEN).decode(errors="replace").split())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
