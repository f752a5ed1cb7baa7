"""How often something is kept: so many samples an hour for each reason, and some time between two of one source.

- Each reason has its own rate and its own gap: one that is often there does not hide one that is rare.
- Time is that of capture, so a clip is kept from as the camera would be that it was recorded with.
- What a reason does not use in ten minutes is gone: no quiet night pays for a burst of thousands.
- The gap counts from one look to the next, whether it was kept or was a duplicate: looking costs the board time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from edge_sdk.runtime.kept.record import Reason

_HOUR_S = 3600.0
_SAVED_S = 600.0
_LOOKS = 256


class Pace:
    """The rates of a folder."""

    def __init__(self, reasons: Sequence[Reason], *, per_hour: float, gap_s: float) -> None:
        """Start with what ten minutes give.

        Args:
            reasons: Each gets an equal part of the rate.
            per_hour: Samples an hour, of all reasons together.
            gap_s: Least seconds between two samples of one source.
        """
        self._per_s = per_hour / len(reasons) / _HOUR_S
        self._most = max(1.0, self._per_s * _SAVED_S)
        self._left = dict.fromkeys(reasons, self._most)
        self._gap_s, self._now_s = gap_s, 0.0
        self._looked_s: OrderedDict[tuple[str, Reason], float] = OrderedDict()

    def due(self, source: str, reasons: Iterable[Reason], at_s: float) -> set[Reason]:
        """Return the reasons for which a sample of a source may be looked at; it counts as looked at for these."""
        due = {reason for reason in reasons if self._is_due((source, reason), at_s)}
        for reason in due:
            self._looked_s[source, reason] = at_s
            self._looked_s.move_to_end((source, reason))
        while len(self._looked_s) > _LOOKS:
            self._looked_s.popitem(last=False)
        return due

    def open_reasons(self, at_s: float) -> set[Reason]:
        """Return the reasons for which something may be kept now."""
        elapsed_s = max(0.0, at_s - self._now_s) if self._now_s else 0.0
        self._now_s = max(self._now_s, at_s)
        self._left = {reason: min(self._most, left + elapsed_s * self._per_s) for reason, left in self._left.items()}
        return {reason for reason, left in self._left.items() if left >= 1.0}

    def spend(self, reason: Reason) -> None:
        """Say that something is kept for a reason."""
        self._left[reason] -= 1.0

    def _is_due(self, look: tuple[str, Reason], at_s: float) -> bool:
        last_s = self._looked_s.get(look)
        return last_s is None or abs(at_s - last_s) >= self._gap_s
