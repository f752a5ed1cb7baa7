"""What the settings of a board that is flashed say where nobody says it: where its samples come from."""

from __future__ import annotations

from collections.abc import Sequence

from edge_sdk.errors import InputError
from edge_sdk.package import Manifest

CAMERA = "camera:0"
OWN_PROFILE = "/var/lib/edge-sdk/profile.toml"
"""Where a board has the profile that the user made for it."""


def sources_for(manifest: Manifest, given: Sequence[str]) -> tuple[str, ...]:
    """Return where samples come from: what is given, else the first camera for a model of pictures.

    Raises:
        InputError: Nothing is given, and the model takes windows of sensor values; or a source is no line of text.
    """
    for source in given:
        if not source.isprintable():
            raise InputError(f"--source: expected text of one line, got {source[:80]!r}")
    if given:
        return tuple(given)
    if manifest.preprocess.window is not None:
        raise InputError(
            f"--source: expected where the samples of {manifest.name} come from, got nothing",
            hint="--source 'serial:/dev/ttyUSB0?…' and others: docs/how_to/sensors.md",
        )
    return (CAMERA,)
