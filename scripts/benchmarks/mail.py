"""scripts/bench mail: how fast results reach the disk, whether kills lose any, and what a week offline takes."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from edge_sdk import records
from edge_sdk.outbox import Outbox
from scripts.benchmarks.environments import peer_python, peer_variables
from scripts.benchmarks.mail_page import page
from scripts.benchmarks.mail_parties import LIMITS, Laboratory
from scripts.benchmarks.mail_queues import ROW
from scripts.benchmarks.places import PEERS
from scripts.benchmarks.slow_line import Line, SlowLine

_PAGE = Path("benchmarks/mail.md")
_ROUNDS = 5
_ROWS = {"outbox": 50_000, "outbox_hundreds": 20_000, "paho": 20_000}
_FEW_ROWS = 2000
_WAYS = ("outbox", "outbox_hundreds", "outbox_each", "commit_each", "line_each", "persist_queue", "paho")
_PEERS = {"persist_queue": "persist_queue"}
_KILLED_ROWS, _RATE_HZ, _EVERY_S, _SEED = 100_000, 1000, (0.15, 0.6), 2026
_RESULTS_A_DAY = 86_400
_LINE_ROWS, _BAD_LINE = 6000, Line(delay_s=0.1, loss=0.05)


def main() -> None:
    """Measure, and write the page."""
    figures: dict[str, Any] = {"machine": f"{platform.machine()}, {os.cpu_count()} cores"}
    for name, measure in {"kills": _kills, "week": _week, "line": _line, "speed": _speed}.items():
        figures[name] = measure()
        print(json.dumps({name: figures[name]}))
    _PAGE.write_text(page(figures))


def _kills() -> dict[str, Any]:
    """Kill whoever it may be while results go to the fleet."""
    with _folder() as folder:
        command, port = _broker(folder)
        laboratory = Laboratory(folder, broker=command, port=port, rate_hz=_RATE_HZ)
        outcome = laboratory.run(_KILLED_ROWS, every_s=_EVERY_S, seed=_SEED)
    return dict(records.to_data(outcome))


def _week() -> list[dict[str, Any]]:
    """Live through a week without a network."""
    with _folder() as folder:
        said = _run(Path(sys.executable), "mail_week", folder, _RESULTS_A_DAY)
    return [json.loads(line) for line in said.splitlines()]


def _line() -> dict[str, float]:
    """Send rows over a bad line; return how long that took, and beside what TCP reaches there."""
    with _folder() as folder, _running(folder) as port, ExitStack() as ends:
        line = SlowLine(port, _BAD_LINE)
        ends.callback(line.close)
        with Outbox.open(folder / "outbox.db", LIMITS) as outbox:
            for _ in range(_LINE_ROWS):
                outbox.put("results", ROW)
            outbox.flush()
            for words in (("ingest", folder / "fleet.db", port), ("mail", folder / "outbox.db", line.port)):
                command = [sys.executable, "-m", "scripts.benchmarks.mail_parties", *map(str, words)]
                ends.callback(subprocess.Popen(command).kill)
            start_s = time.monotonic()
            while outbox.accounts()["results"].rows:
                time.sleep(0.1)
        seconds = time.monotonic() - start_s
    of_line = _LINE_ROWS * len(ROW) / seconds / _BAD_LINE.bytes_per_s
    return {"rows": _LINE_ROWS, "seconds": seconds, "of_line": of_line, "line_kB_per_s": _BAD_LINE.bytes_per_s / 1e3}


def _speed() -> dict[str, dict[str, float]]:
    """Return rows a second of each way, the median of rounds in turns."""
    speeds: dict[str, list[float]] = {way: [] for way in _WAYS}
    with _folder() as folder, _running(folder) as port:
        for number in range(_ROUNDS):
            for way in _WAYS:
                place = folder / f"{way}-{number}"
                place.mkdir()
                words = (way, place, _ROWS.get(way, _FEW_ROWS), port)
                speeds[way].append(float(_run(peer_python(_PEERS.get(way, "")), "mail_queues", *words)))
                shutil.rmtree(place)
    return {way: {"rows_hz": statistics.median(found), "least_hz": min(found)} for way, found in speeds.items()}


def _run(python: Path, module: str, *words: object) -> str:
    command = [str(python), "-m", f"scripts.benchmarks.{module}", *map(str, words)]
    done = subprocess.run(command, env=peer_variables(python), check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder on the disk that this repository is on: /tmp may be memory."""
    PEERS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PEERS) as name:
        yield Path(name)


@contextmanager
def _running(folder: Path) -> Iterator[int]:
    command, port = _broker(folder)
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield port
        finally:
            process.terminate()


def _broker(folder: Path) -> tuple[Sequence[str], int]:
    """Return how a broker is started, and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
    program = shutil.which("mosquitto", path=os.environ["PATH"] + os.pathsep + "/usr/sbin") or "mosquitto"
    return [program, "-c", str(config)], port
