"""How long a bad model is active on a board that nobody reaches: `python scripts/measure_bad_models.py`.

A real agent with its worker and a hardened Mosquitto. Each model is authentic, gives its golden outputs, and is not
shadowed, so that it takes over; the broker hangs from then on. Told is the time from the start of the trial until the
model before is loaded again.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from edge_sdk.agent.update import UpdateState
from edge_sdk.files import sha256_hex
from edge_sdk.wire.messages import Reported
from edge_sdk.wire.release import Gates
from tests.agent.plant import Agent, Plant, document, make_board, wait_for
from tests.runtime.swap import candidates

GATES = Gates(shadow_samples=0, trial_results=1_000_000, trial_s=600.0, max_latency_ratio=2.0)
GOOD = candidates.colors()


def nothing(_agent: Agent) -> None:
    """Let the model itself be the harm."""


def harm(number: signal.Signals) -> Callable[[Agent], None]:
    """Return what sends a signal to the worker."""
    return lambda agent: os.kill(agent.workers()[0], number)


CASES = (
    ("NaN for one picture in three", candidates.no_number_for_blue(), nothing),
    ("many times slower", candidates.slow(900), nothing),
    ("its worker crashes (SIGSEGV)", candidates.colors(13.0), harm(signal.SIGSEGV)),
    ("its worker is killed, as for want of memory (SIGKILL)", candidates.colors(14.0), harm(signal.SIGKILL)),
    ("its worker hangs (SIGSTOP)", candidates.colors(15.0), harm(signal.SIGSTOP)),
)


def main() -> None:
    """Measure, and print a table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        package = candidates.write(folder / "tiny-1.edge", GOOD)
        board, plant = make_board(folder / "board", package=package), Plant(folder)
        plant.enrol(board)
        print("| what is wrong | active for | why it went |\n|---|---|---|")
        with plant.running(), Agent(board) as agent:
            plant.hear("reported", that=lambda told: told.model_sha256 == sha256_hex(GOOD))
            for number, (what, model, does) in enumerate(CASES):
                print(f"| {what} | {_measure(plant, agent, number + 2, (model, does))} |", flush=True)


def _measure(plant: Plant, agent: Agent, version: int, case: tuple[bytes, Callable[[Agent], None]]) -> str:
    model, does = case
    plant.release(model, version=version, gates=GATES, golden_of=model)
    wait_for(lambda: document(agent.folder, "update", UpdateState), that=lambda state: state.stage == "trial")
    start_s = time.monotonic()
    plant.broker.send_signal(signal.SIGSTOP)
    bad, good = sha256_hex(model), sha256_hex(GOOD)
    wait_for(lambda: document(agent.folder, "reported", Reported), that=lambda told: told.model_sha256 == bad)
    does(agent)
    told = wait_for(
        lambda: document(agent.folder, "reported", Reported),
        that=lambda told: told.model_sha256 == good and told.update.state == "rolled_back",
    )
    seconds = time.monotonic() - start_s
    plant.broker.send_signal(signal.SIGCONT)
    plant.hear("reported", that=lambda told: told.update.release == f"tiny-{version}" and told.model_sha256)
    return f"{seconds:.1f} s | {told.update.reason[:100]}"


if __name__ == "__main__":
    main()
