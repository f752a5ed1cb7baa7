"""Keeps bytes as if they were pictures; a process of its own begins fast with this, and may be killed."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from edge_sdk.files import sha256_hex
from edge_sdk.runtime.kept.record import SCHEMA, Kept, KnownModel, side_file
from edge_sdk.runtime.sinks.keep.ring import Ring
from edge_sdk.runtime.sinks.keep.share import Entry

REASONS = ("margin", "novelty", "random")
MODEL = "ab" * 32
MAX_BYTES = 300_000
_KNOWN = KnownModel(SCHEMA, "classification", ("person", "car"), ())


def put(ring, data, *, reason="margin", score=0.5):
    """Keep some bytes; return whether they fit."""
    number, digest = ring.next_number, sha256_hex(data)
    name, likeness = f"{number:08d}-{digest[:8]}.png", f"{number:088x}"
    shape = (1, len(data), 3)
    kept = Kept(SCHEMA, number, name, digest, len(data), shape, likeness, 0.0, reason, {reason: score}, None)
    ring.know(MODEL, _KNOWN)
    return ring.put(Entry(number, name, reason, score, 0, number), data, side_file(kept, {"model": MODEL}))


def fill(folder):
    """Keep for ever."""
    ring = Ring(folder, max_bytes=MAX_BYTES)
    while True:
        put(ring, os.urandom(20_000), reason=random.choice(REASONS), score=random.random())


if __name__ == "__main__":
    fill(Path(sys.argv[1]))
