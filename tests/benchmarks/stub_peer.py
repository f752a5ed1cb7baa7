"""A peer as `scripts/bench quantize` knows them, without a quantizer: it copies, doubles, crashes, or sleeps."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from scripts.benchmarks.peers.exchange import Answer, Request, Run, run_peer


def quantize(request: Request) -> Answer:
    if request.method == "crash":
        raise ValueError("no kernel for this node")
    if request.method == "sleep":
        time.sleep(60)
    if request.method == "silent":
        sys.exit(0)
    file = Path(request.folder) / "made.bin"
    shutil.copyfile(request.model, file)
    return Answer(str(file), "copied")


def open_file(_path: Path, _request: Request) -> Run:
    sys.stdout.write("a library says hello\n")
    return lambda feed: [values * 2 for values in feed.values()]


if __name__ == "__main__":
    run_peer(quantize, open_file)
