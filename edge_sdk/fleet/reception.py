"""Takes in what the devices of a fleet send: the ingest with its store, its connection and a thread."""

from __future__ import annotations

import threading

from edge_sdk.broker.address import Broker as Address
from edge_sdk.broker.link import Link
from edge_sdk.broker.record import LinkOptions
from edge_sdk.fleet.broker_config import INGEST
from edge_sdk.fleet.folder import Fleet
from edge_sdk.fleet.ingest import Counts, Ingest, subscriptions
from edge_sdk.fleet.store import Store


class Reception:
    """The reception; it works from entering to leaving.

    Example:
        >>> with Reception(fleet, keep_s=90 * 86400.0):  # doctest: +SKIP
        ...     is_over.wait()
    """

    def __init__(self, fleet: Fleet, *, keep_s: float | None = None) -> None:
        """Open the store, and begin to connect.

        Args:
            fleet: Whose devices.
            keep_s: How long rows are kept, in seconds; None for ever.

        Raises:
            InputError: A certificate cannot be read.
            UnavailableError: The store cannot be written, or is damaged.
        """
        self._store: Store = fleet.store()
        options = LinkOptions(INGEST, subscriptions(fleet.settings.name), fleet.access("ingest"))
        self._link = Link(Address.parse(fleet.broker_address), options)
        self._ingest = Ingest(self._store, self._link, keep_s=keep_s)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ingest.run, args=(self._is_over,), name="ingest", daemon=True)

    def __enter__(self) -> Reception:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._link.close()
        self._store.close()

    @property
    def is_alive(self) -> bool:
        """Whether it works; once it does not, this process has a fault."""
        return self._thread.is_alive()

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to the broker now."""
        return self._ingest.is_connected

    @property
    def counts(self) -> Counts:
        """What came of all that came."""
        return self._ingest.counts
