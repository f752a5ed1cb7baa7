"""scripts/bench ingest: how much one ingest takes in, from how many boards, beside a commit for each message."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from scripts.benchmarks.ingest_parties import ROW
from scripts.benchmarks.places import PEERS
from scripts.benchmarks.updates import running_broker

_PAGE = Path("benchmarks/ingest.md")
_CASES = ((20, 1), (200, 1), (200, 10), (200, 100))
_WAYS = ("ours", "each")
_ROUNDS, _SECONDS, _LONG_S = 3, 5.0, 60.0
_MODULE = (sys.executable, "-m", "scripts.benchmarks.ingest_parties")
_TEXT = """# How much the fleet takes in

Made by `scripts/bench ingest`, on a machine that others use too ({machine}): read the ratios. Mosquitto, the ingest
and the boards are processes on this machine, without TLS; each board sends a batch when the one before is acknowledged,
rows of {row_bytes} bytes. The peer is paho's callback as it is often written: it decodes a message, inserts its rows,
commits durably and answers. Both are durable (SQLite, WAL, `synchronous=FULL`); medians of {rounds} rounds of
{seconds:g} s in turns.

| boards | rows a batch | rows/s | beside the peer | until acknowledged, p50 / p99 | the peer's |
|---|---|---|---|---|---|
{rows}

Ours keeps what came together by one sync, so that more boards wait no longer for the disk. In one process for
{long_s:g} s, 200 boards with 100 rows a batch: {kept:,} rows kept, and memory (VmRSS) of {begin_mb:.1f} MB after a
quarter of the time, {end_mb:.1f} MB at the end.
"""


def main() -> None:
    """Measure, and write the page."""
    found: dict[tuple[int, int, str], list[dict[str, float]]] = {}
    for _ in range(_ROUNDS):
        for boards, rows in _CASES:
            for way in _WAYS:
                found.setdefault((boards, rows, way), []).append(_measure(way, boards, rows)["said"])
    long = _measure("ours", 200, 100, seconds=_LONG_S)
    text = _TEXT.format(
        machine=f"{platform.machine()}, {os.cpu_count()} cores",
        row_bytes=len(ROW),
        rounds=_ROUNDS,
        seconds=_SECONDS,
        rows="\n".join(_row(boards, rows, found) for boards, rows in _CASES),
        long_s=_LONG_S,
        kept=round(long["said"]["rows_hz"] * _LONG_S),
        begin_mb=long["begin_mb"],
        end_mb=long["end_mb"],
    )
    _PAGE.write_text(text)
    print(text)


def _measure(way: str, boards: int, rows: int, *, seconds: float = _SECONDS) -> dict[str, Any]:
    """Let boards send to an ingest of its own; return what they say, and its memory."""
    PEERS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PEERS) as folder, running_broker(Path(folder)) as port:
        ingest = subprocess.Popen([*_MODULE, way, str(port), f"{folder}/fleet.db"], stderr=subprocess.DEVNULL)
        try:
            words = [*_MODULE, "boards", *map(str, (port, boards, rows, seconds))]
            with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as sending:
                time.sleep(seconds / 4)
                begin_mb = _resident_mb(ingest.pid)
                said, _ = sending.communicate()
            return {"said": json.loads(said), "begin_mb": begin_mb, "end_mb": _resident_mb(ingest.pid)}
        finally:
            ingest.kill()
            ingest.wait()


def _row(boards: int, rows: int, found: dict[tuple[int, int, str], list[dict[str, float]]]) -> str:
    ours, each = (_medians(found[boards, rows, way]) for way in _WAYS)
    waits = [f"{way['p50_ms']:.0f} / {way['p99_ms']:.0f} ms" for way in (ours, each)]
    ratio = ours["rows_hz"] / each["rows_hz"]
    return f"| {boards} | {rows} | {ours['rows_hz']:,.0f} | {ratio:.1f} times | {waits[0]} | {waits[1]} |"


def _medians(said: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(one[name] for one in said) for name in said[0]}


def _resident_mb(pid: int) -> float:
    """Return what a process has in memory (proc(5): VmRSS), in megabytes."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) * 1024 / 1e6
