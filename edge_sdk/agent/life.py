"""Lives an update on the board: does what `step` says, and tells it what came of it.

- One thread, `run`. What others have to say is put into its inbox and heard between two effects; a download and a trial
  listen while they go on.
- The state is on the disk before its effect. Where the disk refuses, nothing new is begun; going back is done all the
  same, since no bad model stays for want of disk.
- Whatever fails is an event: an unexpected error in a trial ends the trial.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edge_sdk.agent import happening as happen
from edge_sdk.agent.contact import Contact
from edge_sdk.agent.golden import Limits
from edge_sdk.agent.hands import Hands
from edge_sdk.agent.health import Beat
from edge_sdk.agent.kept import Kept
from edge_sdk.agent.lookout import Lookout
from edge_sdk.agent.slots import Slots
from edge_sdk.agent.state import State
from edge_sdk.agent.update import ENDS, Effect, UpdateState, step
from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import EdgeError, GateError, InputError, TrustError, UnavailableError
from edge_sdk.wire.messages import UpdateReport
from edge_sdk.wire.release import Offer

log = logging.getLogger(__name__)

UPDATE = "update"
"""The document of how the update stands."""
_TICK_S = 1.0
_MARGIN_BYTES = 16 << 20
"""Room that a download leaves to what else the board writes."""
_MAX_WAITING = 1000
Heard = Callable[[], happen.Happening | None]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the life waits, in seconds.

    Attributes:
        first_retry_s: Before the first try again of what was nobody's fault; twice as long before each further one.
        longest_retry_s: At most.
    """

    first_retry_s: float = 10.0
    longest_retry_s: float = 900.0


class _Interrupted(Exception):  # noqa: N818  no error: somebody has something to say
    """A download is left for what was heard."""


class Life:
    """One board's updates.

    Example:
        >>> life = Life(state, slots, Hands(trust, GoldenRun(), worker), tell=print)  # doctest: +SKIP
        >>> threading.Thread(target=life.run).start()  # doctest: +SKIP
        >>> life.offer(offer)  # doctest: +SKIP
    """

    def __init__(
        self,
        state: State,
        slots: Slots,
        hands: Hands,
        *,
        tell: Callable[[UpdateState], None] = lambda _: None,
        pace: Pace | None = None,
        now_s: Callable[[], float] = lambda: monotonic_ns() / 1e9,
    ) -> None:
        """Prepare it; nothing is done before `run`.

        Args:
            state: Where the state is kept.
            slots: The releases on the disk.
            hands: What does things.
            tell: Is given each state that is of another stage or reason, in the life's thread; has to be quick.
            pace: How long is waited.
            now_s: A monotonic clock, in seconds.
        """
        self._store, self._slots, self._hands, self._tell = state, slots, hands, tell
        self._pace, self._now_s = pace or Pace(), now_s
        self._state = self._stored = read_update(state)
        self._inbox: queue.Queue[Heard] = queue.Queue()
        self._pending: happen.Happening | None = None
        self._is_over = threading.Event()
        self._in_use, self._tries, self._done_bytes = "", 0, 0
        self._lookout, self._contact = Lookout(now_s()), Contact(now_s(), self._state.cut_off_s)

    @property
    def state(self) -> UpdateState:
        """How the update stands now."""
        return self._state

    @property
    def in_use(self) -> str:
        """Digest of the package that the worker was last told to run; empty for none."""
        return self._in_use

    def proven_sha256(self, package_sha256: str) -> str:
        """Return the digest of the model of a package that gave its golden outputs here; empty if none is known to."""
        is_candidate = bool(package_sha256) and package_sha256 == self._state.sha256
        return (is_candidate and self._state.model_sha256) or self._slots.kept(package_sha256).proven_sha256

    def report(self) -> UpdateReport:
        """Return what the fleet is told."""
        state = self._state
        offer = state.offer
        return UpdateReport(
            state.stage,
            offer.release if offer else "",
            state.reason,
            self._done_bytes if state.stage == "fetching" else 0,
            offer.package.size_bytes if offer else 0,
        )

    def offer(self, offer: Offer) -> None:
        """Say what the fleet wants this board to have."""
        self._inbox.put(lambda: self._offered(offer))

    def leave(self, cause: str) -> None:
        """Say that the model in use is to go: somebody asks for it, or it makes the worker fail again and again."""
        self._inbox.put(lambda: happen.Unwanted(cause, self._slots.digest("current")))

    def reach(self) -> None:
        """Say that the fleet has answered just now."""
        self._inbox.put(self._reached)

    def beat(self, beat: Beat) -> None:
        """Say how the worker does; left out while too much waits to be heard."""
        if self._inbox.qsize() < _MAX_WAITING:
            self._inbox.put(lambda: self._beaten(beat))

    def fail(self, cause: str, *, is_models: bool) -> None:
        """Say that the worker is gone and will be started again; whether that was the model's fault."""
        self._inbox.put(lambda: self._failed(cause, is_models))

    def stop(self) -> None:
        """Let `run` return soon; the next life goes on where this one was."""
        self._is_over.set()
        self._inbox.put(lambda: None)

    def run(self, until: Callable[[UpdateState], bool] = lambda _: False) -> None:
        """Live, until it is stopped, or until the state is as it is waited for."""
        effect = self._begin()
        while not self._is_over.is_set() and not until(self._state):
            effect = self._step(self._next(effect))

    def _begin(self) -> Effect | None:
        recovered = self._slots.recover()
        for line in recovered.told:
            log.warning("%s", line)
        if self._state.stage == "trial":
            effect = self._step(happen.Restarted())
            if effect != "try":
                self._use(recovered.sha256)
            return effect
        unusable = self._use(recovered.sha256)
        return self._step(happen.Unwanted(unusable, recovered.sha256) if unusable else happen.Restarted())

    def _step(self, event: happen.Happening) -> Effect | None:
        before = self._state
        self._state, effect = step(before, event)
        if not self._write() and not (effect in {"retreat", "discard"} or (effect == "try" and self._is_trying)):
            effect = "wait"
        if (self._state.stage, self._state.reason) != (before.stage, before.reason):
            log.info("update %s: %s %s", before.stage, self._state.stage, self._state.reason)
            self._tries = self._tries if self._state.stage == before.stage else 0
            self._tell(self._state)
        return effect

    def _write(self) -> bool:
        if self._state == self._stored:
            return True
        try:
            self._store.write({UPDATE: self._state.encode()})
        except UnavailableError as exc:
            log.warning("%s", exc)
            return False
        self._stored = self._state
        return True

    def _next(self, effect: Effect | None) -> happen.Happening:
        if effect in {"promote", "discard", "retreat"}:  # an end is done before anything else is heard
            return self._perform(effect)
        return self._listen(0.0) or (self._perform(effect) if effect else self._listen(_TICK_S)) or self._alone()

    def _perform(self, effect: Effect) -> happen.Happening:
        try:
            return _PERFORMERS[effect](self)
        except _Interrupted:
            return self._listen(0.0) or happen.Waited()
        except (EdgeError, OSError) as exc:
            cause = f"{exc}; hint: {exc.hint}" if isinstance(exc, EdgeError) and exc.hint else str(exc)
        except Exception as exc:  # a trial is never left unwatched
            log.exception("%s", effect)
            cause = f"{type(exc).__name__}: {exc}"
        return happen.Refuted(cause) if effect == "try" else happen.Failed(cause)

    def _listen(self, wait_s: float) -> happen.Happening | None:
        """Hear until something happened, or the time is over."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            return pending
        until_s = self._now_s() + wait_s
        while not self._is_over.is_set():
            try:
                left_s = until_s - self._now_s()
                heard = self._inbox.get(timeout=left_s) if left_s > 0 else self._inbox.get_nowait()
            except queue.Empty:
                return None
            happening = heard()
            if happening is not None:
                return happening
        return None

    def _offered(self, offer: Offer) -> happen.Happening | None:
        if offer == self._state.offer and self._state.effect is not None and self._state.stage not in ENDS:
            return None
        return happen.Offered(offer, self._slots.digest("current"))

    def _reached(self) -> happen.Happening | None:
        self._contact.hear(self._now_s())
        return happen.Reached() if self._state.awaits_fleet else None

    def _alone(self) -> happen.Happening:
        cut_off_s = self._contact.cut_off_s(self._state, self._now_s())
        return happen.Waited() if cut_off_s is None else happen.CutOff(cut_off_s)

    def _beaten(self, beat: Beat) -> happen.Happening | None:
        now_s = self._now_s()
        if self._state.stage != "trial":
            self._lookout.see(beat, now_s)
            self._lookout.roll(now_s)
            return None
        if not self._is_trying or beat.model_sha256 != self._state.model_sha256:
            return None
        self._lookout.see(beat, now_s)
        return happen.Watched(self._lookout.health)

    def _failed(self, cause: str, is_models: bool) -> happen.Happening | None:
        log.warning("worker: %s", cause)
        if self._is_trying and is_models:
            return happen.Refuted(cause)
        self._lookout.hear(self._now_s())
        return None

    @property
    def _is_trying(self) -> bool:
        return self._state.stage == "trial" and self._in_use == self._state.sha256

    def _weigh(self) -> happen.Happening:
        offer = _offer(self._state)
        sha256, size_bytes = offer.package.sha256, offer.package.size_bytes
        self._slots.collect(keep={sha256})
        if not self._slots.damage(sha256):
            return happen.Found()
        needed_bytes = max(0, size_bytes - self._slots.fetched_bytes(sha256)) + _MARGIN_BYTES
        return happen.Weighed(needed_bytes, self._slots.free_bytes())

    def _fetch(self) -> happen.Happening:
        self._hands.fetcher.fetch(_offer(self._state), self._slots.downloads, self._progress)
        return happen.Fetched()

    def _progress(self, done_bytes: int, size_bytes: int) -> None:
        self._done_bytes = done_bytes
        self._pending = self._listen(0.0)
        if self._pending is not None or self._is_over.is_set():
            raise _Interrupted

    def _stage(self) -> happen.Happening:
        try:
            self._slots.stage(self._state.sha256)
        except TrustError as exc:
            self._slots.download(self._state.sha256).unlink(missing_ok=True)
            return happen.Spoiled(str(exc))
        return happen.Staged()

    def _tidy(self) -> happen.Happening:
        self._slots.collect(keep={self._state.sha256})
        return happen.Tidied()

    def _prove(self) -> happen.Happening:
        offer = _offer(self._state)
        damage = self._slots.damage(offer.package.sha256)
        if damage:
            return happen.Spoiled(damage)
        limits = Limits.of(offer.family, offer.gates.max_memory_bytes)
        try:
            proof = self._hands.prove(self._slots.package(offer.package.sha256), limits)
        except (GateError, InputError, TrustError) as exc:
            return happen.Refuted(str(exc))
        return happen.Proved(
            proof.model_sha256,
            proof.memory_bytes,
            has_model=bool(self._slots.digest("current")),
            baseline=self._lookout.usual,
            is_online=self._contact.is_online(self._now_s()),
        )

    def _compare(self) -> happen.Happening:
        gates = _offer(self._state).gates
        package = self._slots.package(self._state.sha256)
        try:
            seen = self._hands.worker.compare(package, samples=gates.shadow_samples, within_s=gates.shadow_s)
        except InputError as exc:
            return happen.Refuted(str(exc))
        return happen.Compared(
            seen.samples,
            seen.agreement,
            seen.latency_ratio,
            seen.memory_bytes,
            baseline=self._lookout.usual,
            is_online=self._contact.is_online(self._now_s()),
        )

    def _try(self) -> happen.Happening:
        """Let the candidate take over, or see how it does: with a beat, or without one for a second."""
        if not self._is_trying:
            damage = self._slots.damage(self._state.sha256)
            if damage:
                return happen.Spoiled(damage)
            unusable = self._use(self._state.sha256)
            if unusable:
                return happen.Refuted(unusable)
            self._contact.begin(self._now_s(), self._state.cut_off_s)
        happening = self._listen(_TICK_S)
        if happening is not None:
            return happening
        alone = self._alone()
        if isinstance(alone, happen.CutOff):
            return alone
        self._lookout.see(None, self._now_s())
        return happen.Watched(self._lookout.health)

    def _use(self, sha256: str) -> str:
        """Let the worker run a release; return why it cannot, empty if it can."""
        if sha256 == self._in_use:
            return ""
        self._in_use = ""  # of a switch that fails nobody knows what runs
        if not sha256:
            self._hands.worker.stop()
            return ""
        try:
            loaded = self._hands.worker.switch(self._slots.package(sha256))
        except InputError as exc:
            return str(exc)
        except UnavailableError as exc:  # it goes on trying, and health will tell
            log.warning("%s", exc)
        else:
            if sha256 == self._state.sha256 and self._state.model_sha256 not in {"", loaded.model_sha256}:
                return f"worker: expected model {self._state.model_sha256}, got {loaded.model_sha256}"
        self._in_use = sha256
        self._lookout.begin(self._now_s())
        return ""

    def _promote(self) -> happen.Happening:
        offer = _offer(self._state)
        try:
            self._slots.promote(offer.package.sha256, Kept(offer.release, self._state.model_sha256))
        except TrustError as exc:
            return happen.Spoiled(str(exc))
        return self._settle()

    def _retreat(self) -> happen.Happening:
        """Go back, first in the worker: on a full disk the link may have to wait."""
        leaving = self._state.leaving
        other = self._slots.fallback(leaving)
        refusal = self._leave(leaving)
        unusable = "" if other == leaving else self._use(other)
        if unusable:
            return happen.Unwanted(unusable, other)
        return happen.Failed(refusal) if refusal else self._settle()

    def _leave(self, sha256: str) -> str:
        try:
            self._slots.leave(sha256)
        except UnavailableError as exc:
            return str(exc)
        return ""

    def _discard(self) -> happen.Happening:
        return self._settle()

    def _settle(self) -> happen.Happening:
        upcoming = self._state.upcoming
        self._slots.collect(keep={upcoming.package.sha256} if upcoming else ())
        return happen.Settled(self._slots.digest("current"))

    def _wait(self) -> happen.Happening:
        """Wait for the next try, longer each time; what is heard meanwhile comes first."""
        bound_s = min(self._pace.longest_retry_s, self._pace.first_retry_s * 2 ** min(self._tries, 16))
        self._tries += 1
        return self._listen(bound_s * random.uniform(0.5, 1.0)) or happen.Waited()  # noqa: S311


def _offer(state: UpdateState) -> Offer:
    assert state.offer is not None  # noqa: S101  `UpdateState` checks it
    return state.offer


def read_update(store: State) -> UpdateState:
    """Return how the update stands; idle where that is not known.

    Raises:
        UnavailableError: The disk cannot be read.
    """
    document = store.read(UPDATE)
    if document is None:
        return UpdateState()
    try:
        return UpdateState.decode(document)
    except InputError as exc:
        log.warning("%s", exc)
        return UpdateState()


_PERFORMERS: Mapping[Effect, Callable[[Life], happen.Happening]] = {
    "weigh": Life._weigh,
    "fetch": Life._fetch,
    "stage": Life._stage,
    "tidy": Life._tidy,
    "prove": Life._prove,
    "compare": Life._compare,
    "try": Life._try,
    "promote": Life._promote,
    "discard": Life._discard,
    "retreat": Life._retreat,
    "wait": Life._wait,
}
