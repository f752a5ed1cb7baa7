"""What the agent's process takes in memory, in a fleet of its own on this machine: `python scripts/measure_agent.py`.

A hardened Mosquitto, the fleet's server, a real agent with its worker; an update is lived and refused meanwhile.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from edge_sdk.files import sha256_hex
from tests.agent.plant import Agent, Plant, make_board
from tests.runtime.swap import candidates


def memory_mb(pid: int) -> tuple[float, float]:
    """Return what is resident, and its share where it is shared (proc(5): VmRSS, Pss), in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().split("Pss:")[1].split()[0]
    return int(status) * 1024 / 1e6, int(rollup) * 1024 / 1e6


def main() -> None:
    """Measure, and print a table."""
    good, better, wrong = (candidates.colors(factor) for factor in (10.0, 11.0, -10.0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        package = candidates.write(folder / "tiny-1.edge", good)
        board, plant = make_board(folder / "board", package=package), Plant(folder)
        plant.enrol(board)
        with plant.running(), Agent(board) as agent:
            plant.hear("reported", that=lambda told: told.model_sha256 == sha256_hex(good))
            rows = [("connected by TLS, the worker runs", memory_mb(agent.process.pid))]
            plant.release(better, version=2)
            plant.hear("reported", that=lambda told: told.update.state == "confirmed")
            rows.append(("after an update that was confirmed", memory_mb(agent.process.pid)))
            for version in range(3, 9):
                plant.release(wrong, version=version)
                plant.hear("reported", that=lambda told: told.update.release == f"tiny-{version}")  # noqa: B023
                plant.hear("reported", that=lambda told: told.update.state == "refused")
            rows.append(("after six more that were refused", memory_mb(agent.process.pid)))
            time.sleep(30)
            rows.append(("half a minute later", memory_mb(agent.process.pid)))
            (worker,) = agent.workers()
            rows.append(("its worker, with a tiny model", memory_mb(worker)))
    print("| when | resident (VmRSS) | its share (Pss) |\n|---|---|---|")
    for when, (resident, share) in rows:
        print(f"| {when} | {resident:.1f} MB | {share:.1f} MB |")


if __name__ == "__main__":
    main()
