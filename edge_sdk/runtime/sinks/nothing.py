"""Nowhere, for runs of which only the report matters: `none`."""

from __future__ import annotations

from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.sources import Source
from edge_sdk.runtime.sources.record import Address


class Nothing:
    """Keeps nothing."""

    name = "none"

    def __init__(self, address: Address, source: Source) -> None:
        """There is nothing to open."""
        address.refuse_options()

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Forget one outcome."""

    def close(self) -> None:
        """There is nothing to close."""
