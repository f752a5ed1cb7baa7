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


def write_settings(places: Places) -> None:
    """Write the kit's settings, unless the device has some of its own, and a profile of the user's own if it has one.

    Raises:
        OSError: The disk cannot be written, or the kit not be read.
    """
    wanted = (places.kit / SETTINGS).read_bytes()
    there = _read(places.device / SETTINGS)
    if there is None or (there == _read(places.boot / _KEPT_SETTINGS) and there != wanted):
        durable.write(places.device / SETTINGS, wanted)
    _put(places.device / PROFILE, _read(places.kit / PROFILE))


def keep(places: Places) -> None:
    """Keep what the board works with now.

    Raises:
        OSError: The disk cannot be written.
    """
    settings = _read(places.kit / SETTINGS)
    if settings is not None and settings == _read(places.device / SETTINGS):
        _put(places.boot / _KEPT_SETTINGS, settings)
    _put(places.boot / UNIT, _read(places.agent_unit))


def give_back(places: Places) -> None:
    """Put back what was kept, where a kit has written since.

    Raises:
        OSError: The disk cannot be written.
    """
    if _read(places.device / SETTINGS) == _read(places.kit / SETTINGS):
        _put(places.device / SETTINGS, _read(places.boot / _KEPT_SETTINGS))
    _put(places.agent_unit, _read(places.boot / UNIT))


def _put(path: Path, data: bytes | None) -> None:
    if data is not None and data != _read(path):
        durable.write(path, data)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
