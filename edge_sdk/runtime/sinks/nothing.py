"""Nowhere, for runs of which only the report matters: `none`."""

from __future__ import annotations

from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.sources import Source


class Nothing:
    """Keeps nothing."""

    name = "none"

    def __init__(self, place: str, source: Source) -> None:
        """There is nothing to open."""

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Forget one outcome."""

    def close(self) -> None:
        """There is nothing to close."""
