"""Under which conditions was measured, from looks of each second, in memory that does not grow.

A measurement is not valid where the machine was held back for a part of it:

- a flag of the firmware stood, or came and went between two looks; the guard of a supply or of a processor's heat
  stepped in; the kernel slowed something down to cool it;
- the allowed clock was not the same all the time;
- a processor's clock was lower for a while under full load, see `clocks`.

What stood from earlier, a lower power mode, heat and what others did are notes: they say what was measured, not that it
is wrong. What a machine does not tell holds nobody back; `told_by` says what it tells. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_sdk.runtime.sustain.clocks import LoadedClocks
from edge_sdk.runtime.sustain.record import Course, Disturbance, Look

_OUTSIDE_CORES = 0.25
_COOL = "cool the processor better (heat sink, fan), let it get cool, and measure again"
_SUPPLY = "use a stronger supply and a shorter cable, or a lower power mode, and measure again"
_CURES = {
    "under-voltage": _SUPPLY,
    "average over-current": _SUPPLY,
    "instantaneous over-current": _SUPPLY,
    "allowed clock": "leave the power mode as it is while it is measured, or cool the processor better",
    "clock under load": f"{_COOL}; where it is the end of a boost, run it warm first (--warm-up 60)",
}


class Conditions:
    """The conditions of one measurement.

    Attributes:
        first: The look at its start.
        last: The last one.
        temperature_c: How the hottest processor's temperature went.
        clock_hz: How the fastest processor's clock went.
    """

    def __init__(self, first: Look) -> None:
        self.first = self.last = first
        self.temperature_c = _course(None, first.board.temperature_c)
        self.clock_hz = _course(None, max(first.processors.clock_hz.values(), default=None))
        self._looks = 0
        self._seen: dict[str, tuple[float, int]] = {}  # when first, and how often
        self._shares = _course(None, first.board.clock_share)
        self._clocks = LoadedClocks()
        self._note(first.board.held_back, first)

    def take(self, look: Look) -> None:
        """Take the look of one more second."""
        before, self.last, self._looks = self.last, look, self._looks + 1
        self._note(look.board.limits_since(before.board), look)
        self.temperature_c = _course(self.temperature_c, look.board.temperature_c)
        self.clock_hz = _course(self.clock_hz, max(look.processors.clock_hz.values(), default=None))
        self._shares = _course(self._shares, look.board.clock_share)
        self._clocks.take(before.processors, look.processors, look.at_s - before.at_s)

    def disturbances(self) -> tuple[Disturbance, ...]:
        """Return what held the machine back for a part of the time."""
        return tuple(Disturbance(kind, evidence, _CURES.get(kind, _COOL)) for kind, evidence in self._held_back())

    def cpu_cores(self) -> float:
        """Return how many processors this process kept busy."""
        return round((self.last.used.cpu_s - self.first.used.cpu_s) / self._elapsed_s(), 3)

    def outside_cores(self) -> float | None:
        """Return how many processors all others kept busy, or None where the machine does not tell."""
        worked_s = self.last.processors.worked_since(self.first.processors)
        cores = sum(worked_s.values()) / self._elapsed_s() - self.cpu_cores()
        return max(0.0, round(cores, 3)) if worked_s else None

    def notes(self, *, max_temperature_c: float) -> Iterator[str]:
        """Yield what a reader should know of the conditions.

        Args:
            max_temperature_c: From this temperature on it is told.
        """
        if standing := self.first.board.has_been - {kind for kind, _ in self._held_back()}:
            yield f"before the measurement, not in it: {', '.join(sorted(standing))}"
        if self._shares is not None and self._shares.least == self._shares.most < 1:
            yield f"the clock was held at {self._shares.least:.0%} of the highest all the time: that of this power mode"
        if self.temperature_c is not None and self.temperature_c.most >= max_temperature_c:
            yield f"the processor had up to {self.temperature_c.most:.1f} °C, limit {max_temperature_c:g} °C"
        if (outside := self.outside_cores()) is not None and outside > _OUTSIDE_CORES:
            yield f"others kept {outside:.2f} processors busy: stop them, and measure again"

    def _held_back(self) -> Iterator[tuple[str, str]]:
        for kind, (first_s, count) in sorted(self._seen.items()):
            yield kind, f"seen in {count} of {self._looks + 1} looks, first after {first_s:.0f} s"
        if self._shares is not None and self._shares.least < self._shares.most:
            yield "allowed clock", f"it was {self._shares.least:.0%} to {self._shares.most:.0%} of the highest"
        if evidence := self._clocks.held_back():
            yield "clock under load", evidence

    def _note(self, kinds: frozenset[str], look: Look) -> None:
        for kind in kinds:
            first_s, count = self._seen.get(kind, (look.at_s, 0))
            self._seen[kind] = first_s, count + 1

    def _elapsed_s(self) -> float:
        return max(self.last.at_s - self.first.at_s, 1e-3)


def _course(before: Course | None, value: float | None) -> Course | None:
    """Return how a value went that is not always told."""
    if value is None:
        return before
    return Course(value, value, value, value) if before is None else before.after(value)
