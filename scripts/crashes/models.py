"""Bad models on a real worker, on live frames and without a network: how long each was in use, and what ended it.

`python -m scripts.crashes.models` measures all and prints a table; names measure these. Golden run, shadow and worker
are the real ones; the frames are a clip at its own pace.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from edge_sdk.agent.fetch.download import download
from edge_sdk.agent.fetch.folder import FolderSource
from edge_sdk.agent.golden import GoldenRun
from edge_sdk.agent.hands import Hands
from edge_sdk.agent.life import Life
from edge_sdk.agent.slots import Slots
from edge_sdk.agent.state import State
from edge_sdk.agent.update import ENDS, UpdateState
from edge_sdk.agent.worker.messages import Beat, Begin, Compared, Switched
from edge_sdk.agent.worker.supervisor import Event, Failed, Supervisor
from edge_sdk.wire.release import Gates, Offer
from scripts.crashes import candidates
from scripts.crashes.world import World, publish

_GATES = Gates(shadow_samples=20, shadow_s=15.0, trial_results=100, trial_s=60.0, offline_s=0.0)
_UNSHADOWED = replace(_GATES, shadow_samples=0)
_FPS = 20.0
_LONGEST_S = 240.0


@dataclass(frozen=True, slots=True)
class Case:
    """A candidate.

    Attributes:
        make: Makes its model.
        gates: What its release says that it must show.
        lies: Whether its golden outputs are a good model's.
    """

    make: Callable[[], bytes]
    gates: Gates = _GATES
    lies: bool = False


CASES: Mapping[str, Case] = {
    "good": Case(candidates.good),
    "no numbers, ever": Case(lambda: candidates.nan(-1.0), lies=True),
    "no numbers on live frames": Case(candidates.nan),
    "no numbers on live frames, no shadow": Case(candidates.nan, _UNSHADOWED),
    "the same output, bit for bit": Case(candidates.constant),
    "always the same answer": Case(candidates.stubborn),
    "always the same answer, no shadow": Case(candidates.stubborn, _UNSHADOWED),
    "more than 5 times slower": Case(lambda: candidates.slow(2)),
    "more than 5 times slower, no shadow": Case(lambda: candidates.slow(2), _UNSHADOWED),
    "out of memory": Case(candidates.greedy, lies=True),
    "out of memory on live frames": Case(candidates.greedy_later),
    "out of memory on live frames, no shadow": Case(candidates.greedy_later, _UNSHADOWED),
    "crash": Case(lambda: candidates.crashing(-1.0), lies=True),
    "crash on live frames": Case(candidates.crashing),
    "crash on live frames, no shadow": Case(candidates.crashing, _UNSHADOWED),
    "hang on live frames": Case(candidates.stuck),
    "hang on live frames, no shadow": Case(candidates.stuck, _UNSHADOWED),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of a candidate.

    Attributes:
        ended: How its update ended.
        reason: Why.
        active_s: How long it was in use before the one before was back, in seconds.
        all_s: From the offer to the end.
        is_back: Whether the model before gives results again at the end; for a good one, whether it does.
    """

    ended: str
    reason: str
    active_s: float
    all_s: float
    is_back: bool


class _Watch:
    """The worker, with a clock: since when it runs what."""

    def __init__(self, worker: Supervisor, candidate: str) -> None:
        self._worker, self._candidate = worker, candidate
        self._began_s: float | None = None
        self.active_s = 0.0

    def switch(self, package: Path) -> Switched:
        try:
            return self._worker.switch(package)
        finally:
            now_s = time.monotonic()
            if package.parent.name == self._candidate:
                self._began_s = now_s
            elif self._began_s is not None:
                self.active_s, self._began_s = now_s - self._began_s, None

    def compare(self, package: Path, *, samples: int, within_s: float) -> Compared:
        return self._worker.compare(package, samples=samples, within_s=within_s)

    def stop(self) -> None:
        self._worker.stop()


class _Download:
    def __init__(self, repository: Path) -> None:
        self._source = FolderSource(repository)

    def fetch(self, offer: Offer, into: Path, progress: Callable[[int, int], None]) -> Path:
        return download(self._source, offer.package, into, progress=progress)


def measure(case: Case, folder: Path) -> Measured:
    """Live the update to a candidate on a fresh board."""
    world, slots = World(folder), Slots(folder / "board")
    model = case.make()
    golden = candidates.golden_of(candidates.good() if case.lies else model)
    package = candidates.write(folder / "candidate.edge", model, golden, version=2)
    offer = replace(publish(world, "candidate", 2, package), gates=case.gates)
    factory = slots.install(candidates.write(folder / "factory.edge", candidates.good(11.0)))
    clip = _clip(folder / "red.mp4")
    told: list[Beat] = []
    lives: list[Life] = []

    def tell(event: Event) -> None:
        if isinstance(event, Beat):
            told.append(event)
            for life in lives:
                life.beat(event)
        elif isinstance(event, Failed):
            for life in lives:
                life.fail(event.cause, is_models=event.part == "model")

    with Supervisor(Begin("", (f"{clip}?pace=real&repeat=1",)), tell=tell) as worker:
        watch = _Watch(worker, offer.package.sha256)
        hands = Hands(_Download(world.repository), GoldenRun(), watch)
        with State(folder / "board" / "state.db") as state:
            life = Life(state, slots, hands)
            lives.append(life)
            thread = threading.Thread(target=life.run, daemon=True)
            thread.start()
            _wait(lambda: sum(beat.results for beat in told) > 3 * _FPS)
            start_s = time.monotonic()
            life.offer(offer)
            _wait(lambda: _is_over(life.state))
            all_s, end = time.monotonic() - start_s, life.state
            in_use = offer.package.sha256 if end.stage == "confirmed" else factory
            told.clear()
            _wait(lambda: any(beat.results for beat in told))
            is_back = slots.digest("current") == in_use and worker.loaded.package_sha256 == in_use
            life.stop()
            thread.join()
    return Measured(end.stage, end.reason, watch.active_s, all_s, is_back)


def _is_over(state: UpdateState) -> bool:
    return state.stage in ENDS and state.is_settled


def _wait(condition: Callable[[], bool]) -> None:
    until_s = time.monotonic() + _LONGEST_S
    while not condition():
        if time.monotonic() > until_s:
            raise TimeoutError("the board does not come to its end")
        time.sleep(0.05)


def _clip(path: Path) -> Path:
    """Write a clip of red pictures; no two are the same, since that would be a camera that hangs."""
    chance = np.random.default_rng(6)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), _FPS, (60, 40))
    for _ in range(40):
        picture = chance.integers(0, 30, (40, 60, 3), dtype=np.uint8)
        picture[:, :, 2] = 250
        writer.write(picture)
    writer.release()
    return path


def main() -> None:
    """Measure what is named, or all."""
    print("| Candidate | How it ended | In use, s | From offer to end, s | The right model gives results | Reason |")
    print("|---|---|---|---|---|---|")
    for name in sys.argv[1:] or CASES:
        with tempfile.TemporaryDirectory(prefix="crashlab.") as folder:
            got = measure(CASES[name], Path(folder))
        reason = got.reason.replace("|", "/")[:110]
        told = (name, got.ended, f"{got.active_s:.1f}", f"{got.all_s:.1f}", "yes" if got.is_back else "**no**", reason)
        print(f"| {' | '.join(told)} |", flush=True)


if __name__ == "__main__":
    main()
