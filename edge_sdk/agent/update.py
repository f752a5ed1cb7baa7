"""An update's life on the board: one pure table, `step(state, happening)` → the next state and what is to be done.

    idle ─► offered ─► fetching ─► verified ─► staged ─► golden ─► shadow ─► trial ─► confirmed
                any before trial ↘ refused                 trial, confirmed ↘ rolled_back

- A stage says what is under way, and has one effect that goes on with it; every effect may be done twice.
- The state is on the disk before its effect begins, the count of attempts with it: what kills the board is counted.
- `current` leads to the new release only once it is confirmed. A trial is in the state alone: if that is lost, the
  board is back on what it had.
- What was refused or rolled back is not tried again under the same revision of the assignment. What only was cut short
  (a newer release came, the disk spoiled it) is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from edge_sdk.agent import happening as happen
from edge_sdk.agent.health import Baseline, fault, is_proven
from edge_sdk.errors import InputError
from edge_sdk.wire import decode, encode
from edge_sdk.wire.release import Offer

Stage = Literal[
    "idle",
    "offered",
    "fetching",
    "verified",
    "staged",
    "golden",
    "shadow",
    "trial",
    "confirmed",
    "refused",
    "rolled_back",
]
Effect = Literal["weigh", "fetch", "stage", "tidy", "prove", "compare", "try", "promote", "discard", "retreat", "wait"]
"""Look whether there is room · fetch the bytes · make them a release · remove what is not needed · run it in a child ·
run it beside the model in use · let it take over and look how it does · make it `current` · give it up · go back to the
model before · try the stage's effect again, later."""

MAX_ATTEMPTS = 3
"""How often a stage is begun that a restart of the agent cut short."""
MAX_FETCHES = 3
"""How often a release is fetched whose bytes turn out to be others."""
_EFFECTS: Mapping[Stage, Effect] = {
    "offered": "weigh",
    "fetching": "fetch",
    "verified": "stage",
    "staged": "tidy",
    "golden": "prove",
    "shadow": "compare",
    "trial": "try",
    "confirmed": "promote",
    "refused": "discard",
    "rolled_back": "retreat",
}
ENDS: frozenset[Stage] = frozenset({"confirmed", "refused", "rolled_back"})
_COUNTED: frozenset[Stage] = frozenset({"golden", "shadow", "trial"})
_REMEMBERED = 32


@dataclass(frozen=True, slots=True)
class Rejected:
    """A package that is not tried again under a revision."""

    sha256: str
    revision: int


@dataclass(frozen=True, slots=True)
class UpdateState:
    """How an update stands.

    Attributes:
        stage: What is under way, or how it ended.
        offer: The release that this is about; None if there was none.
        reason: Why it ended so, or what it waits for.
        attempts: How often the golden run, the shadow or the trial was begun.
        fetches: How often it was fetched from the start.
        model_sha256: Digest of its ONNX model, from the golden run on.
        baseline: How the model before did, from the golden run on.
        awaits_fleet: Whether the fleet was reached before it became active, and has not answered since.
        cut_off_s: For how long it has not.
        leaving: Digest of the package that the board goes back from.
        is_settled: Whether an end is done on the disk and in the worker.
        upcoming: What is taken up once this has come to its end.
        rejected: What is not tried again, the latest last.
    """

    stage: Stage = "idle"
    offer: Offer | None = None
    reason: str = ""
    attempts: int = 0
    fetches: int = 0
    model_sha256: str = ""
    baseline: Baseline = field(default_factory=Baseline)
    awaits_fleet: bool = False
    cut_off_s: float = 0.0
    leaving: str = ""
    is_settled: bool = True
    upcoming: Offer | None = None
    rejected: tuple[Rejected, ...] = ()

    def __post_init__(self) -> None:
        """Check that there is an offer where one is needed.

        Raises:
            InputError: There is none.
        """
        if self.offer is None and self.stage not in {"idle", "rolled_back"}:
            raise InputError(f"offer: expected one in stage {self.stage}, got none")

    @property
    def sha256(self) -> str:
        """Digest of the package that this is about; empty if there is none."""
        return self.offer.package.sha256 if self.offer else ""

    @property
    def effect(self) -> Effect | None:
        """What goes on with it; None if nothing is under way."""
        return None if self.stage in ENDS and self.is_settled else _EFFECTS.get(self.stage)

    def encode(self) -> bytes:
        """Return it as bytes."""
        return encode(self)

    @classmethod
    def decode(cls, document: bytes) -> UpdateState:
        """Read one.

        Raises:
            InputError: It is none.
        """
        return decode(cls, document, where="update")


Next = tuple[UpdateState, Effect | None]


def step(state: UpdateState, event: happen.Happening) -> Next:
    """Return how an update stands after something happened, and what is to be done; None if nothing is.

    What says nothing to a stage changes nothing, and its effect goes on.
    """
    act = _TABLE.get((state.stage, type(event))) or _ALWAYS.get(type(event))
    return act(state, event) if act else _go_on(state)


def _go_on(state: UpdateState) -> Next:
    return state, state.effect


def _to(state: UpdateState, stage: Stage, **changes: Any) -> Next:
    attempts = 1 if stage in _COUNTED else 0
    return _go_on(
        replace(state, **{"stage": stage, "reason": "", "attempts": attempts, "is_settled": False, **changes})
    )


def _restarted(state: UpdateState, _: happen.Restarted) -> Next:
    if state.stage in ENDS:
        return _go_on(replace(state, is_settled=False))
    if state.stage not in _COUNTED:
        return _go_on(state)
    if state.attempts >= MAX_ATTEMPTS:
        return _reject(state, f"expected it to outlast its {state.stage}, got {state.attempts} restarts of the agent")
    return _go_on(replace(state, attempts=state.attempts + 1))


def _offered(state: UpdateState, event: happen.Offered) -> Next:
    offer, is_same = event.offer, event.offer.package.sha256 == state.sha256
    if is_same and state.stage not in {"idle", "refused", "rolled_back"}:
        return _go_on(state if _is_rejected(state, offer) else replace(state, offer=offer))
    if state.effect is None:
        return _take(state, offer, event.current_sha256)
    if state.stage in ENDS:
        return _go_on(replace(state, upcoming=offer))
    return _to(state, _end_of(state), reason=f"{offer.release} is wanted instead", leaving=state.sha256, upcoming=offer)


def _take(state: UpdateState, offer: Offer, current_sha256: str) -> Next:
    """Begin with an offer, unless it was rejected or is in use."""
    state = replace(state, upcoming=None)
    sha256 = offer.package.sha256
    if _is_rejected(state, offer):
        return _go_on(state)
    if sha256 == current_sha256:
        return UpdateState(offer=offer, rejected=state.rejected), None
    before = state.offer
    is_again = before is not None and (before.package.sha256, before.revision) == (sha256, offer.revision)
    fresh = UpdateState(offer=offer, rejected=state.rejected, fetches=state.fetches if is_again else 0, stage="offered")
    return _go_on(fresh)


def _weighed(state: UpdateState, event: happen.Weighed) -> Next:
    if event.free_bytes < event.needed_bytes:
        return _failed(state, happen.Failed(f"disk: expected {event.needed_bytes} bytes free, got {event.free_bytes}"))
    return _fetch(state, "")


def _fetch(state: UpdateState, reason: str) -> Next:
    if state.fetches >= MAX_FETCHES:
        return _reject(state, f"{reason or 'spoiled'}; fetched {state.fetches} times")
    return _to(state, "fetching", fetches=state.fetches + 1, reason=reason)


def _spoiled(state: UpdateState, event: happen.Spoiled) -> Next:
    return _fetch(state, event.cause)


def _spoiled_in_use(state: UpdateState, event: happen.Spoiled) -> Next:
    """Go back first; then what was spoiled is taken up anew."""
    return _to(state, "rolled_back", reason=event.cause, leaving=state.sha256, upcoming=state.offer)


def _proved(state: UpdateState, event: happen.Proved) -> Next:
    state = replace(state, model_sha256=event.model_sha256)
    wrong = _too_large(state, event.memory_bytes)
    if wrong:
        return _reject(state, wrong)
    if event.has_model and _offer(state).gates.shadow_samples:
        return _to(state, "shadow")
    return _begin_trial(state, event.baseline, event.is_online)


def _compared(state: UpdateState, event: happen.Compared) -> Next:
    gates = _offer(state).gates
    if not event.samples:
        return _failed(state, happen.Failed("expected samples to compare, got none"))
    if event.agreement < gates.min_agreement:
        got = f"{event.agreement:.3f} on {event.samples} samples"
        return _reject(state, f"expected an agreement of {gates.min_agreement:g} or more, got {got}")
    if event.latency_ratio > gates.max_latency_ratio:
        most = f"expected at most {gates.max_latency_ratio:g} times the latency of the model in use"
        return _reject(state, f"{most}, got {event.latency_ratio:.2f} times")
    wrong = _too_large(state, event.memory_bytes)
    return _reject(state, wrong) if wrong else _begin_trial(state, event.baseline, event.is_online)


def _too_large(state: UpdateState, memory_bytes: int) -> str:
    most_bytes = _offer(state).gates.max_memory_bytes
    is_within = not most_bytes or memory_bytes <= most_bytes
    return "" if is_within else f"expected at most {most_bytes} bytes of memory, got {memory_bytes}"


def _begin_trial(state: UpdateState, baseline: Baseline, is_online: bool) -> Next:
    awaits_fleet = is_online and bool(_offer(state).gates.offline_s)
    return _to(state, "trial", baseline=baseline, awaits_fleet=awaits_fleet, cut_off_s=0.0)


def _watched(state: UpdateState, event: happen.Watched) -> Next:
    gates = _offer(state).gates
    wrong = fault(event.health, gates, state.baseline)
    if wrong:
        return _reject(state, wrong)
    return _to(state, "confirmed", fetches=0) if is_proven(event.health, gates) else _go_on(state)


def _failed(state: UpdateState, event: happen.Failed) -> Next:
    if state.effect is None:
        return _go_on(state)
    return replace(state, reason=event.cause), "try" if state.stage == "trial" else "wait"


def _refuted(state: UpdateState, event: happen.Refuted) -> Next:
    return _reject(state, event.cause)


def _reject(state: UpdateState, cause: str) -> Next:
    offer = _offer(state)
    return _to(
        state,
        _end_of(state),
        reason=cause,
        leaving=state.sha256,
        rejected=_with(state, Rejected(state.sha256, offer.revision)),
    )


def _end_of(state: UpdateState) -> Stage:
    return "rolled_back" if state.stage in {"trial", "confirmed"} else "refused"


def _is_rejected(state: UpdateState, offer: Offer) -> bool:
    return Rejected(offer.package.sha256, offer.revision) in state.rejected


def _with(state: UpdateState, rejected: Rejected) -> tuple[Rejected, ...]:
    others = (one for one in state.rejected if one != rejected)
    return (*others, rejected)[-_REMEMBERED:]


def _unwanted(state: UpdateState, event: happen.Unwanted) -> Next:
    """Leave the model in use: in a trial the candidate, else `current`; what was under way is taken up afterwards."""
    if state.stage in {"trial", "confirmed"}:
        return _reject(state, event.cause)
    if not event.current_sha256:
        return _go_on(state)
    is_under_way = state.stage not in {*ENDS, "idle"}
    return _to(
        state,
        "rolled_back",
        reason=event.cause,
        offer=state.offer if state.sha256 == event.current_sha256 else None,
        leaving=event.current_sha256,
        upcoming=state.offer if is_under_way else state.upcoming,
        rejected=_with(state, Rejected(event.current_sha256, state.offer.revision if state.offer else 0)),
    )


def _cut_off(state: UpdateState, event: happen.CutOff) -> Next:
    if not state.awaits_fleet:
        return _go_on(state)
    state = replace(state, cut_off_s=max(state.cut_off_s, event.cut_off_s))
    most_s = _offer(state).gates.offline_s
    if state.cut_off_s < most_s:
        return _go_on(state)
    cause = f"expected to reach the fleet within {most_s:g} s, as before it, got no answer"
    return _reject(replace(state, awaits_fleet=False), cause)


def _reached(state: UpdateState, _: happen.Reached) -> Next:
    return _go_on(replace(state, awaits_fleet=False))


def _settled(state: UpdateState, event: happen.Settled) -> Next:
    state = replace(state, is_settled=True)
    return _take(state, state.upcoming, event.current_sha256) if state.upcoming else _go_on(state)


def _offer(state: UpdateState) -> Offer:
    assert state.offer is not None  # noqa: S101  `UpdateState` checks it
    return state.offer


def _leads_to(stage: Stage) -> Callable[[UpdateState, Any], Next]:
    return lambda state, _: _to(state, stage)


_Act = Callable[[UpdateState, Any], Next]
_ALWAYS: Mapping[type, _Act] = {
    happen.Restarted: _restarted,
    happen.Offered: _offered,
    happen.Failed: _failed,
    happen.Reached: _reached,
    happen.Unwanted: _unwanted,
}
_TABLE: Mapping[tuple[Stage, type], _Act] = {
    ("offered", happen.Weighed): _weighed,
    ("offered", happen.Found): _leads_to("staged"),
    ("fetching", happen.Fetched): _leads_to("verified"),
    ("verified", happen.Staged): _leads_to("staged"),
    ("verified", happen.Spoiled): _spoiled,
    ("staged", happen.Tidied): _leads_to("golden"),
    ("golden", happen.Proved): _proved,
    ("golden", happen.Refuted): _refuted,
    ("golden", happen.Spoiled): _spoiled,
    ("shadow", happen.Compared): _compared,
    ("shadow", happen.Refuted): _refuted,
    ("shadow", happen.Spoiled): _spoiled,
    ("trial", happen.Watched): _watched,
    ("trial", happen.Refuted): _refuted,
    ("trial", happen.Spoiled): _spoiled_in_use,
    ("trial", happen.CutOff): _cut_off,
    ("confirmed", happen.Spoiled): _spoiled_in_use,
    ("confirmed", happen.CutOff): _cut_off,
    ("confirmed", happen.Settled): _settled,
    ("refused", happen.Settled): _settled,
    ("rolled_back", happen.Settled): _settled,
}
