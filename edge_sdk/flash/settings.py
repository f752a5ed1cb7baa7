"""`agent.toml` of a board that is flashed: where its samples come from, and which board it is."""

from __future__ import annotations

import json
from collections.abc import Sequence

from edge_sdk.errors import InputError
from edge_sdk.package import Manifest

CAMERA = "camera:0"
OWN_PROFILE = "/var/lib/edge-sdk/profile.toml"
"""Where a board has the profile that the user made for it."""


def sources_for(manifest: Manifest, given: Sequence[str]) -> tuple[str, ...]:
    """Return where samples come from: what is given, else the first camera for a model of pictures.

    Raises:
        InputError: Nothing is given, and the model takes windows of sensor values.
    """
    if given:
        return tuple(given)
    if manifest.preprocess.window is not None:
        raise InputError(
            f"--source: expected where the samples of {manifest.name} come from, got nothing",
            hint="--source 'serial:/dev/ttyUSB0?…' and others: docs/how_to/sensors.md",
        )
    return (CAMERA,)


def settings(sources: Sequence[str], profile: str) -> bytes:
    """Return the document.

    Args:
        sources: As `edge-sdk run --source` takes them.
        profile: Name of the board's profile.

    Raises:
        InputError: A source has letters that cannot be written in one line.
    """
    for source in sources:
        if not source.isprintable():
            raise InputError(f"--source: expected text of one line, got {source[:80]!r}")
    listed = ", ".join(json.dumps(source, ensure_ascii=False) for source in sources)  # TOML has JSON's strings
    lines = ["# Written by edge-sdk flash. What this board does: docs/how_to/agent.md", f"sources = [{listed}]"]
    return ("\n".join([*lines, f"profile = {json.dumps(profile)}"]) + "\n").encode()
