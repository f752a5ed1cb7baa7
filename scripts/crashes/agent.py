"""An agent with the real worker and the real golden run, on a clip at its own pace, without a network.

`python -m scripts.crashes.agent WORLD BOARD CLIP` lives the update to the package `good` to its end.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from edge_sdk.agent.fetch.download import download
from edge_sdk.agent.fetch.folder import FolderSource
from edge_sdk.agent.golden import GoldenRun
from edge_sdk.agent.hands import Hands, Worker
from edge_sdk.agent.life import Life
from edge_sdk.agent.slots import Slots
from edge_sdk.agent.state import State
from edge_sdk.agent.update import ENDS, UpdateState
from edge_sdk.agent.worker.messages import Beat, Begin
from edge_sdk.agent.worker.supervisor import Event, Failed, Supervisor
from edge_sdk.wire.release import Offer
from scripts.crashes.world import World

FPS = 20.0
_LONGEST_S = 240.0


class _Download:
    def __init__(self, repository: Path) -> None:
        self._source = FolderSource(repository)

    def fetch(self, offer: Offer, into: Path, progress: Callable[[int, int], None]) -> Path:
        return download(self._source, offer.package, into, progress=progress)


@contextmanager
def real_agent(
    world: World,
    board: Path,
    clip: Path,
    *,
    hear: Callable[[Beat], None] = lambda _: None,
    wrap: Callable[[Supervisor], Worker] = lambda worker: worker,
) -> Iterator[tuple[Life, Supervisor]]:
    """Run an agent while it is used in `with`.

    Args:
        world: Whose repository it fetches from.
        board: Its folder.
        clip: What its camera sees.
        hear: Is given each beat of the worker.
        wrap: Puts something between the life and the worker.
    """
    lives: list[Life] = []

    def tell(event: Event) -> None:
        if isinstance(event, Beat):
            hear(event)
        for life in lives:
            if isinstance(event, Beat):
                life.beat(event)
            elif isinstance(event, Failed):
                life.fail(event.cause, is_models=event.part == "model")

    sources = (f"{clip}?pace=real&repeat=1",)
    with Supervisor(Begin("", sources), tell=tell) as worker, State(board / "state.db") as state:
        life = Life(state, Slots(board), Hands(_Download(world.repository), GoldenRun(), wrap(worker)))
        lives.append(life)
        thread = threading.Thread(target=life.run, daemon=True)
        thread.start()
        yield life, worker
        life.stop()
        thread.join()


def is_over(state: UpdateState) -> bool:
    """Tell whether an update has come to its end."""
    return state.stage in ENDS and state.is_settled


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    until_s = time.monotonic() + _LONGEST_S
    while not condition():
        if time.monotonic() > until_s:
            raise TimeoutError("the board does not come to its end")
        time.sleep(0.05)


def write_clip(path: Path) -> Path:
    """Write a clip of red pictures; no two are the same, since that would be a camera that hangs."""
    chance = np.random.default_rng(6)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), FPS, (60, 40))
    for _ in range(40):
        picture = chance.integers(0, 30, (40, 60, 3), dtype=np.uint8)
        picture[:, :, 2] = 250
        writer.write(picture)
    writer.release()
    return path


def _main() -> None:
    world, board, clip = World(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3])
    if not clip.exists():
        write_clip(clip)
    offer = world.offer("good")
    with real_agent(world, board, clip) as (life, _):
        life.offer(offer)
        wait_for(lambda: life.state.offer == offer and is_over(life.state))


if __name__ == "__main__":
    _main()
