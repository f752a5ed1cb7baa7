"""What all sinks share: the interface."""

from __future__ import annotations

from typing import Protocol

from edge_sdk.runtime.frame import Outcome, Sample


class Sink(Protocol):
    """Where outcomes go, opened; used from one thread."""

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Take one outcome, with the sample that it is about.

        Raises:
            InputError: The sink cannot hold what this sample is.
            UnavailableError: The sink is full or gone.
        """

    def close(self) -> None:
        """Finish what was written; closing twice is harmless.

        Raises:
            UnavailableError: It could not be finished.
        """
