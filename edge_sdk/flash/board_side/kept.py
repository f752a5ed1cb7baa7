"""What a kit changes beside its environment, kept as it was when the board last worked: settings and the agent's unit.

- `agent.toml` of the device stays once somebody has changed it: it is replaced only where it is what a kit wrote.
- A kit that fails gives back what was kept.
"""

from __future__ import annotations

from pathlib import Path

from edge_sdk.flash.board_side import durable
from edge_sdk.flash.board_side.places import Places

SETTINGS, PROFILE = "agent.toml", "profile.toml"
UNIT = "agent.service.proven"
_KEPT_SETTINGS = "agent.toml.proven"
_PRIVATE = 0o600  # settings may name passwords


def write_settings(places: Places) -> None:
    """Write the kit's settings, unless the device has some of its own, and a profile of the user's own if it has one.

    Raises:
        OSError: The disk cannot be written, or the kit not be read.
    """
    durable.make_folder(places.device, mode=0o700)
    wanted, there = (places.kit / SETTINGS).read_bytes(), _read(places.device / SETTINGS)
    if there is None or there == _read(places.boot / _KEPT_SETTINGS):
        _give(places, SETTINGS, wanted)
    _give(places, PROFILE, _read(places.kit / PROFILE))


def replace_settings(places: Places) -> bool:
    """Let the kit's settings take the place of the device's, which stay beside them; tell whether those were others.

    Raises:
        OSError: The disk cannot be written, or the kit not be read.
    """
    there, wanted = places.device / SETTINGS, (places.kit / SETTINGS).read_bytes()
    if _read(there) == wanted:
        return False
    there.replace(there.with_name(f"{SETTINGS}.lost"))
    _give(places, SETTINGS, wanted)
    return True


def keep(places: Places) -> None:
    """Keep what the board works with now.

    Raises:
        OSError: The disk cannot be written.
    """
    settings = _read(places.kit / SETTINGS)
    if settings == _read(places.device / SETTINGS):
        _put(places.boot / _KEPT_SETTINGS, settings, mode=_PRIVATE)
    _put(places.boot / UNIT, _read(places.agent_unit))


def is_anything(places: Places) -> bool:
    """Tell whether the board has worked with a kit before."""
    return (places.boot / UNIT).exists()


def give_back(places: Places) -> None:
    """Put back what was kept, where a kit has written since.

    Raises:
        OSError: The disk cannot be written.
    """
    if _read(places.device / SETTINGS) == _read(places.kit / SETTINGS):
        _give(places, SETTINGS, _read(places.boot / _KEPT_SETTINGS))
    _put(places.agent_unit, _read(places.boot / UNIT))


def _give(places: Places, name: str, data: bytes | None) -> None:
    """Put a file into the device's folder, as its owner's: the agent, who is not root, reads it."""
    owner = places.device.stat()
    _put(places.device / name, data, mode=_PRIVATE, owner=(owner.st_uid, owner.st_gid))


def _put(path: Path, data: bytes | None, *, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
    if data is not None and data != _read(path):
        durable.write(path, data, mode=mode, owner=owner)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
