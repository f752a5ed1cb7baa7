"""Bad models on a real worker, on live frames and without a network: how long each was in use, and what ended it.

`python -m scripts.crashes.models` measures all and prints a table; names measure these. Golden run, shadow and worker
are the real ones; the frames are a clip at its own pace.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from edge_sdk.agent.kept import Kept
from edge_sdk.agent.slots import Slots
from edge_sdk.agent.worker.messages import Beat, Compared, Switched
from edge_sdk.agent.worker.supervisor import Supervisor
from edge_sdk.wire.release import Gates
from scripts.crashes import candidates
from scripts.crashes.agent import FPS, is_over, real_agent, wait_for, write_clip
from scripts.crashes.world import World, publish

_GATES = Gates(shadow_samples=20, shadow_s=15.0, trial_results=100, trial_s=60.0, offline_s=0.0)
_UNSHADOWED = replace(_GATES, shadow_samples=0)


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


def measure(case: Case, folder: Path) -> Measured:
    """Live the update to a candidate on a fresh board."""
    world, slots = World(folder), Slots(folder / "board")
    model = case.make()
    golden = candidates.golden_of(candidates.good() if case.lies else model)
    package = candidates.write(folder / "candidate.edge", model, golden, version=2)
    offer = replace(publish(world, "candidate", 2, package), gates=case.gates)
    factory = slots.take(candidates.write(folder / "factory.edge", candidates.good(11.0)))
    slots.install(factory, Kept())
    told: list[Beat] = []
    watches: list[_Watch] = []

    def wrap(worker: Supervisor) -> _Watch:
        watches.append(_Watch(worker, offer.package.sha256))
        return watches[0]

    clip = write_clip(folder / "red.mp4")
    with real_agent(world, slots.folder, clip, hear=told.append, wrap=wrap) as (life, worker):
        wait_for(lambda: sum(beat.results for beat in told) > 3 * FPS)
        start_s = time.monotonic()
        life.offer(offer)
        wait_for(lambda: is_over(life.state))
        all_s, end = time.monotonic() - start_s, life.state
        in_use = offer.package.sha256 if end.stage == "confirmed" else factory
        told.clear()
        wait_for(lambda: any(beat.results for beat in told))
        is_back = slots.digest("current") == in_use and worker.loaded.package_sha256 == in_use
    return Measured(end.stage, end.reason, watches[0].active_s, all_s, is_back)


def main() -> None:
    """Measure what is named, or all."""
    print("| Candidate | How it ended | In use, s | From offer to end, s | The right model gives results | Reason |")
    print("|---|---|---|---|---|---|")
    for name in sys.argv[1:] or CASES:
        with tempfile.TemporaryDirectory(prefix="crashlab.") as folder:
            got = measure(CASES[name], Path(folder))
        reason = got.reason.replace("|", "/")[:110]
        active = "stays" if got.ended == "confirmed" else f"{got.active_s:.1f}"
        told = (name, got.ended, active, f"{got.all_s:.1f}", "yes" if got.is_back else "**no**", reason)
        print(f"| {' | '.join(told)} |", flush=True)


if __name__ == "__main__":
    main()
