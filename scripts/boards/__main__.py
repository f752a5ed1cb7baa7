"""Live stories of emulated boards, and print what came of each step."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from tempfile import mkdtemp

from edge_sdk.errors import EdgeError
from scripts.boards.fetching import fetch
from scripts.boards.lab import IMAGES, Lab
from scripts.boards.page import write_page
from scripts.boards.plant import Plant
from scripts.boards.stories import QUICK, STORIES, Told


def main() -> int:
    """Do what the command line says; return the exit code."""
    options = _parse()
    chosen = {"quick": QUICK} if options.quick else {name: STORIES[name] for name in options.story or STORIES}
    flavours = sorted({flavour for told in chosen.values() for flavour in told.flavours})
    if options.flavours:
        print(*flavours)
        return 0
    if options.fetch:
        fetch(flavours)
        return 0
    folder = Path(mkdtemp(prefix="run-", dir=IMAGES))
    try:
        return _play(folder, chosen, writes=options.write)
    finally:
        if not options.keep:
            shutil.rmtree(folder)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/boardlab", description=__doc__)
    parser.add_argument("story", nargs="*", choices=[[], *STORIES], help="which ones; all if not given")
    parser.add_argument("--quick", action="store_true", help="one board, from the command to its proof")
    parser.add_argument("--write", action="store_true", help="write benchmarks/boards.md")
    parser.add_argument("--keep", action="store_true", help="leave cards and consoles in .boards/")
    parser.add_argument("--flavours", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--fetch", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _play(folder: Path, chosen: dict[str, Told], *, writes: bool) -> int:
    with Plant(folder) as plant:
        lab, failed = Lab(plant), 0
        plant.found()
        for name, told in chosen.items():
            lab.story = name
            try:
                told.play(lab)
            except EdgeError as exc:
                failed += 1
                lab.note("FAILED", 0.0, str(exc))
        if writes:
            write_page(lab.seen)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
