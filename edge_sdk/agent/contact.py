"""How long the fleet has been silent since a release became active, in steps that are worth to be written down."""

from __future__ import annotations

from edge_sdk.agent.update import UpdateState

_ONLINE_S = 900.0
"""The fleet counts as reached for so long after it said something."""
_STEPS = 20


class Contact:
    """Counts on a monotonic clock, from what earlier starts of the agent have counted."""

    def __init__(self, now_s: float, cut_off_s: float) -> None:
        """Go on from a time without the fleet, in seconds."""
        self._heard_s: float | None = None
        self._since_s, self._before_s = now_s, cut_off_s

    def hear(self, now_s: float) -> None:
        """Note that the fleet has answered."""
        self._heard_s = now_s

    def begin(self, now_s: float, cut_off_s: float) -> None:
        """Begin anew: a release has become active."""
        self._since_s, self._before_s = now_s, cut_off_s

    def is_online(self, now_s: float) -> bool:
        """Whether the fleet has answered lately."""
        return self._heard_s is not None and now_s - self._heard_s < _ONLINE_S

    def cut_off_s(self, state: UpdateState, now_s: float) -> float | None:
        """Return how long the fleet has been silent, if that is to be told: at the gate, and a few times before it."""
        if not state.awaits_fleet or state.offer is None:
            return None
        gate_s, alone_s = state.offer.gates.offline_s, self._before_s + now_s - self._since_s
        return alone_s if alone_s >= min(gate_s, state.cut_off_s + gate_s / _STEPS) else None
