"""Both ends of the mail on a real broker: the agent's loop, and the fleet's ingest in a thread."""

from __future__ import annotations

import contextlib
import threading
import time

from edge_sdk.agent.mail import Mail, Sender
from edge_sdk.broker.address import Broker
from edge_sdk.broker.happening import Received
from edge_sdk.broker.link import Link
from edge_sdk.broker.record import LinkOptions
from edge_sdk.fleet.ingest import Ingest, subscriptions
from edge_sdk.outbox import Limit, Outbox
from edge_sdk.wire import Place

PLACE = Place("plant", "press-4")
LIMITS = {"results": Limit(50_000_000), "events": Limit(1_000_000)}


class Board:
    """An outbox, a link and the mail between them."""

    def __init__(self, path, port, *, limits=LIMITS, patience_s=0.5):
        self.outbox = Outbox.open(path, limits)
        options = LinkOptions(PLACE.device, (PLACE.all_down,), longest_pause_s=0.1)
        self.link = Link(Broker("127.0.0.1", port), options)
        self.told = []
        sender = Sender(PLACE, boot=1, patience_s=patience_s)
        self.mail = Mail(self.outbox, self.link, sender, now_s=time.monotonic, tell=self.told.append)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.close()
        self.outbox.close()

    def put(self, *rows, stream="results"):
        for row in rows:
            self.outbox.put(stream, row)
        self.outbox.flush()

    def turn(self):
        """What the agent's loop does."""
        happening = self.link.next(timeout_s=0.02)
        while happening is not None:
            self.mail.hear(happening)
            if isinstance(happening, Received):
                self.mail.acknowledge(happening.payload)
                happening.accept()
            happening = self.link.next(timeout_s=0)
        self.mail.send()

    def work_until(self, is_done, *, timeout_s=60):
        end = time.monotonic() + timeout_s
        while not is_done():
            assert time.monotonic() < end, f"not within {timeout_s} s: {self.outbox.accounts()}"
            self.turn()

    @property
    def waits(self):
        return sum(account.rows for account in self.outbox.accounts().values())


@contextlib.contextmanager
def ingesting(store, port):
    """Run the ingest."""
    stop = threading.Event()
    with Link(
        Broker("127.0.0.1", port), LinkOptions("ingest", subscriptions(PLACE.fleet), longest_pause_s=0.1)
    ) as link:
        ingest = Ingest(store, link)
        thread = threading.Thread(target=ingest.run, args=(stop,))
        thread.start()
        try:
            yield ingest
        finally:
            stop.set()
            thread.join()


def kept(store, stream="results"):
    """Return the rows that the fleet has, in order."""
    return [data for _, _, data in store.rows(stream, at_most=10**6)]
