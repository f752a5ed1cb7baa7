"""What all sinks share: the interfaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from edge_sdk.runtime.events import Event
from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.record import RunReport


class Sink(Protocol):
    """Where outcomes go, opened; used from one thread.

    Attributes:
        name: What reports and messages call it.
    """

    name: str

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


@runtime_checkable
class Listener(Protocol):
    """A sink that wants to know, too, what happens to the sources."""

    def tell(self, event: Event) -> None:
        """Take one event, in the thread that writes.

        Raises:
            UnavailableError: The sink is full or gone.
        """


@runtime_checkable
class Reporting(Protocol):
    """A sink that also tells how the run goes."""

    def report_from(self, report: Callable[[], RunReport]) -> None:
        """Take what gives the run's report at any time, from any thread; called once, before the first outcome."""
