"""Several gates before one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_sdk.runtime.accounting import Cause
from edge_sdk.runtime.feed import Feed, Gate
from edge_sdk.runtime.frame import Sample


def gated(feed: Feed, gates: Sequence[Gate]) -> Feed:
    """Return a feed with further gates behind its own; each one sees only what the one before lets through."""
    every = [gate for gate in (feed.gate, *gates) if gate is not None]

    def gate(sample: Sample) -> Cause | None:
        return next((cause for one in every if (cause := one(sample)) is not None), None)

    return replace(feed, gate=gate) if gates else feed
