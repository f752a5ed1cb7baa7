"""The claim that makes the board a member of a fleet: whom to tell how it goes, and the secret of who is telling."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Claim:
    """What the first boot needs of it: the fleet's server, the authority that it must be of, the device, the token."""

    server: str
    ca: str
    device: str
    token: str


def read_claim(path: Path) -> Claim | None:
    """Return a claim; None if there is none that can be read, which its use will tell."""
    try:
        document = json.loads(path.read_bytes())
        home = document["home"]
        return Claim(str(home["server"]), str(home["ca"]), str(home["device"]), str(document["token"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
