"""Where each captured sample went: the law of the runtime, for each source and so for all of them together.

    captured  = waiting + delivered + dropped[by cause]
    delivered = in flight + results + errors + stale

- It holds at every instant: a ledger goes from one `Accounts` to the next, and each checks itself when it is made.
- Sums of lawful accounts are lawful, so a run's total needs no lock over its sources.
- When a run is over nothing waits and nothing is in flight.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from edge_sdk.errors import EdgeError

Cause = Literal["replaced", "stopped", "unreadable", "lost", "frozen", "gated", "slowed", "paused", "swapping"]
"""Why a sample never reached the model.

- `replaced`: a newer one took its place · `stopped`: the run ended first · `unreadable`: it could not be read
- `lost`: a gap in the source's numbers; the driver or the network dropped it before us
- `frozen`: the source repeats itself · `gated`: nothing happens in it · `slowed`: the rate was lowered on purpose
- `paused`: nothing is to be processed for now
- `swapping`: a newer one took its place while there was no model, between one that was closed and the next
"""
Fate = Literal["results", "errors", "stale"]
"""What became of a sample that did: its result went to the sinks, it failed, or its result came too late."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """How many samples there were, and where they went.

    Attributes:
        captured: All that the source gave, failed to read, or numbered without ever giving them to us.
        delivered: Those that were given to the model.
        results: Delivered, and the result was given to the sinks, which have accounts of their own.
        errors: Delivered, and failed.
        stale: Delivered, and older than `max_age_ms` when the result was there.
        dropped: Not delivered, by cause.
    """

    captured: int = 0
    delivered: int = 0
    results: int = 0
    errors: int = 0
    stale: int = 0
    dropped: Mapping[Cause, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the law.

        Raises:
            EdgeError: More samples went somewhere than there were; a bug of ours.
        """
        if self.waiting < 0 or self.in_flight < 0:
            raise EdgeError(f"accounts: expected no sample counted twice, got {self}")

    @property
    def waiting(self) -> int:
        """Captured, and neither delivered nor dropped yet."""
        return self.captured - self.delivered - sum(self.dropped.values())

    @property
    def in_flight(self) -> int:
        """Delivered, and not settled yet."""
        return self.delivered - self.results - self.errors - self.stale


def total(accounts: Iterable[Accounts]) -> Accounts:
    """Return the sum of some accounts."""
    whole = Accounts()
    for one in accounts:
        dropped = dict(whole.dropped)
        for cause, count in one.dropped.items():
            dropped[cause] = dropped.get(cause, 0) + count
        whole = Accounts(
            whole.captured + one.captured,
            whole.delivered + one.delivered,
            whole.results + one.results,
            whole.errors + one.errors,
            whole.stale + one.stale,
            dropped,
        )
    return whole


class Ledger:
    """The accounts of one source, written by the threads of a run.

    Attributes:
        accounts: As they are now; may be read from any thread.
    """

    def __init__(self) -> None:
        self.accounts = Accounts()
        self._lock = threading.Lock()

    def capture(self) -> None:
        """Count a sample that the source gave; it waits."""
        with self._lock:
            self.accounts = replace(self.accounts, captured=self.accounts.captured + 1)

    def drop(self, cause: Cause) -> None:
        """Count a waiting sample as dropped."""
        with self._lock:
            self.accounts = replace(self.accounts, dropped=self._dropped(cause, 1))

    def skip(self, cause: Cause, count: int = 1) -> None:
        """Count samples that never waited: captured and dropped at once."""
        with self._lock:
            captured = self.accounts.captured + count
            self.accounts = replace(self.accounts, captured=captured, dropped=self._dropped(cause, count))

    def deliver(self) -> None:
        """Count a waiting sample as given to the model; it is in flight."""
        with self._lock:
            self.accounts = replace(self.accounts, delivered=self.accounts.delivered + 1)

    def settle(self, fate: Fate) -> None:
        """Count what became of a sample in flight."""
        with self._lock:
            self.accounts = replace(self.accounts, **{fate: getattr(self.accounts, fate) + 1})

    def _dropped(self, cause: Cause, count: int) -> Mapping[Cause, int]:
        return {**self.accounts.dropped, cause: self.accounts.dropped.get(cause, 0) + count}
