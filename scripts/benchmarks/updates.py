"""scripts/bench updates: what fetching a model in blocks over the broker costs, on a good line and on a bad one."""

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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge_sdk import records
from edge_sdk.files import sha256_hex
from edge_sdk.wire.blocks import BLOCK_BYTES
from edge_sdk.wire.release import PackageTarget
from scripts.benchmarks.slow_line import Line, SlowLine
from scripts.benchmarks.updates_page import page

_PAGE = Path("benchmarks/updates.md")
_SIZE_BYTES = 10_000_000
_ROUNDS = 7
_CUT_AFTER = (20, 25, 15)
_BAD_LINE = Line(delay_s=0.1, loss=0.05)


def main() -> None:
    """Measure, and write the page."""
    with tempfile.TemporaryDirectory() as folder, running_broker(Path(folder)) as port:
        place = Path(folder)
        package = _make(place)
        figures: dict[str, Any] = {
            "size_bytes": _SIZE_BYTES,
            "run": {
                "machine": f"{platform.machine()}, {os.cpu_count()} cores",
                "blocks": -(-_SIZE_BYTES // BLOCK_BYTES),
            },
            "speed": _speed(place, port, package),
            "cuts": _cuts(place, port),
            "bad": _bad_line(place, port),
        }
    _PAGE.write_text(page(figures))
    print(json.dumps(figures, indent=2))


def _make(folder: Path) -> PackageTarget:
    data = os.urandom(_SIZE_BYTES)
    digests = b"".join(
        bytes.fromhex(sha256_hex(data[at : at + BLOCK_BYTES])) for at in range(0, len(data), BLOCK_BYTES)
    )
    package = PackageTarget("packages/a.edge", sha256_hex(data), len(data), "packages/a.blocks", sha256_hex(digests))
    for file, content in ((package.file, data), (package.blocks_file, digests)):
        (folder / "repository" / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / "repository" / file).write_bytes(content)
    (folder / "package.json").write_text(records.to_json(package))
    return package


def _speed(folder: Path, port: int, package: PackageTarget) -> dict[str, Any]:
    """Fetch and pull in turns, and compare the medians."""
    count = -(-package.size_bytes // BLOCK_BYTES)
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(_ROUNDS):
        with _end("serve", port, folder / "repository"):
            ours.append(_fetch(folder, port)["seconds"])
        shutil.rmtree(folder / "downloads")
        with _end("serve-bare", port, folder / "repository" / package.file):
            bare.append(_run("pull-bare", port, count)["seconds"])
    median, median_bare = statistics.median(ours), statistics.median(bare)
    return {
        "fetch_s": round(median, 3),
        "bare_s": round(median_bare, 3),
        "of_bare": round(median_bare / median, 3),
        "rounds": _ROUNDS,
        "MB_per_s": round(package.size_bytes / median / 1e6, 1),
    }


def _cuts(folder: Path, port: int) -> dict[str, Any]:
    """Kill the device in the middle, again and again, and count what was asked for in all."""
    written = 0
    with _end("serve", port, folder / "repository"):
        for stop_after in _CUT_AFTER:
            _fetch(folder, port, stop_after)
            written += stop_after
        last = _fetch(folder, port)
    shutil.rmtree(folder / "downloads")
    return {
        "cuts": len(_CUT_AFTER),
        "blocks_before": written,
        "had_blocks": last["had_bytes"] // BLOCK_BYTES,
        "fetched_after": last["fetched_blocks"],
    }


def _bad_line(folder: Path, port: int) -> dict[str, Any]:
    """Fetch over a line with delay and loss."""
    line = SlowLine(port, _BAD_LINE)
    try:
        with _end("serve", port, folder / "repository"):
            done = _fetch(folder, line.port)
    finally:
        line.close()
    return {
        "seconds": round(done["seconds"], 1),
        "line_kB_per_s": round(_BAD_LINE.bytes_per_s / 1e3, 1),
        "of_line": round(_SIZE_BYTES / done["seconds"] / _BAD_LINE.bytes_per_s, 3),
        "asked_blocks": done["asked_blocks"] - 1,  # one is the list of the digests
        "segments": line.passed,
        "lost": line.lost,
    }


def _fetch(folder: Path, port: int, stop_after: int = 0) -> dict[str, Any]:
    return _run("fetch", port, folder / "downloads", folder / "package.json", stop_after)


def _command(what: str, *words: object) -> list[str]:
    return [sys.executable, "-m", "scripts.benchmarks.updates_link", what, *map(str, words)]


def _run(what: str, *words: object) -> dict[str, Any]:
    """Run one end to its end; empty if it was killed, as it was told to be."""
    done = subprocess.run(_command(what, *words), check=False, stdout=subprocess.PIPE, timeout=900)
    if done.returncode not in {0, -9}:
        raise RuntimeError(f"{what}: expected it to end well, got {done.returncode}")
    return json.loads(done.stdout) if done.stdout else {}


@contextmanager
def _end(what: str, *words: object) -> Iterator[None]:
    """Run the operator's end while the block runs."""
    with subprocess.Popen(_command(what, *words), stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield
        finally:
            process.kill()


@contextmanager
def running_broker(folder: Path) -> Iterator[int]:
    """Run Mosquitto on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
    program = shutil.which("mosquitto", path=os.environ["PATH"] + os.pathsep + "/usr/sbin") or "mosquitto"
    with subprocess.Popen([program, "-c", config], stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(100):
                with socket.socket() as asking:
                    if not asking.connect_ex(("127.0.0.1", port)):
                        break
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()
