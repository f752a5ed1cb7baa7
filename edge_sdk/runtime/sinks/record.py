"""What all sinks share: the interfaces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from edge_sdk.runtime.events import Event
from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.record import RunReport

if TYPE_CHECKING:
    from edge_sdk.package import Manifest


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


@runtime_checkable
class Serving(Protocol):
    """A sink that is not for every model."""

    def serve(self, manifest: Manifest) -> float | None:
        """Take the model that the run begins with; called before the first outcome.

        Returns:
            From which score on the sink wants to see candidates below the threshold of boxes; None for none.

        Raises:
            InputError: It cannot serve this model.
        """


@runtime_checkable
class Counting(Protocol):
    """A sink that tells more of what became of outcomes than that it took them."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many, by what became of them; may be read from any thread."""


@runtime_checkable
class Comparing(Protocol):
    """A sink that wants to know, too, how far another model agrees: one that may take over, on the same samples."""

    def compare(self, sample: Sample, outcome: Outcome, agreement: float) -> None:
        """Take an agreement, 0 to 1, with the sample and what the model in use said; in the thread that writes.

        Raises:
            InputError: The sink cannot hold what this sample is.
            UnavailableError: The sink is full or gone.
        """
