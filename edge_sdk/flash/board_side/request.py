"""A request to recover: a file in the kit's folder, honoured once, also where it cannot be removed."""

from __future__ import annotations

from contextlib import suppress

from edge_sdk.flash.board_side import durable
from edge_sdk.flash.board_side.places import Places

_NAME, _HONOURED = "recover", "recovered"


def is_asked(places: Places) -> bool:
    """Tell whether there is a request that was not honoured yet."""
    made = _made(places)
    try:
        return made != "" and (places.boot / _HONOURED).read_text() != made
    except OSError:
        return made != ""


def settle(places: Places) -> None:
    """Say that the request was honoured, and remove it.

    Raises:
        OSError: The root file system cannot be written.
    """
    made = _made(places)
    if made:
        durable.write(places.boot / _HONOURED, made.encode())
        with suppress(OSError):  # a card that cannot be written
            (places.kit / _NAME).unlink()


def _made(places: Places) -> str:
    """Return when the request was made; empty if there is none."""
    try:
        return str((places.kit / _NAME).stat().st_mtime_ns)
    except OSError:
        return ""
