"""How often somebody may ask: a bucket an address, of a bounded number of addresses. Pure: the time comes in."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """How often an address may ask.

    Attributes:
        per_minute: In the long run.
        burst: At once.
        max_addresses: How many are remembered; the one that was silent longest is forgotten first.
    """

    per_minute: float = 60.0
    burst: int = 30
    max_addresses: int = 10_000


class Buckets:
    """What each address has left."""

    def __init__(self, rate: Rate) -> None:
        """Begin with full buckets."""
        self._rate = rate
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str, *, now_s: float) -> bool:
        """Tell whether an address may ask now, and count it.

        Args:
            address: Who asks.
            now_s: Time in seconds, of a clock that never goes back.
        """
        left, since_s = self._left.pop(address, (float(self._rate.burst), now_s))
        left = min(self._rate.burst, left + (now_s - since_s) * self._rate.per_minute / 60)
        may = left >= 1
        self._left[address] = (left - 1 if may else left, now_s)
        while len(self._left) > self._rate.max_addresses:
            self._left.popitem(last=False)
        return may
