"""What a board knows of a release that it keeps: a small file beside its package, which costs no more than itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from edge_sdk import files, records
from edge_sdk.errors import InputError

KEPT = "kept.json"
_MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a release.

    Attributes:
        release: NAME-VERSION; empty if it is not known.
        proven_sha256: Digest of its model that gave its golden outputs on this board; empty if none is known to.
    """

    release: str = ""
    proven_sha256: str = ""

    def completed(self, by: Kept) -> Kept:
        """Return it with what is known now; what is not stays as it was."""
        return replace(self, release=by.release or self.release, proven_sha256=by.proven_sha256 or self.proven_sha256)

    def is_newer_than(self, other: Kept) -> bool:
        """Tell whether it is a later version of the same package; versions are counters."""
        name, _, version = self.release.rpartition("-")
        others_name, _, others_version = other.release.rpartition("-")
        are_numbers = version.isdecimal() and others_version.isdecimal()
        return bool(name) and name == others_name and are_numbers and int(version) > int(others_version)

    def encode(self) -> bytes:
        """Return it as bytes."""
        return json.dumps(records.to_data(self)).encode()


def read_kept(folder: Path) -> Kept:
    """Return what is known of the release in a folder; nothing where that is not there, or damaged."""
    try:
        document = json.loads(files.read_bytes(folder / KEPT, max_bytes=_MAX_BYTES))
        return records.read(Kept, document, where=KEPT, unknown="ignore")
    except (InputError, ValueError, RecursionError):
        return Kept()
