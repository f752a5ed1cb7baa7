"""Files that are torn, zeroed, missing or of flipped bits: each file of a board, in each stage of an update."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from scripts.crashes.board import start
from scripts.crashes.fault import DIED, GOOD, Fault, Laboratory

STAGES = ("offered", "fetching", "verified", "staged", "golden", "shadow", "trial", "confirmed")


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


_FILES: Mapping[str, Callable[[Path], None]] = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "torn": lambda path: os.truncate(path, path.stat().st_size // 2),
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "a bit flipped": _flip,
}
_LINKS: Mapping[str, Callable[[Path], None]] = {
    "link missing": Path.unlink,
    "link a file of zeros": lambda path: (path.unlink(), path.write_bytes(bytes(4096))),
    "link to nowhere": lambda path: (path.unlink(), path.symlink_to("releases/" + "0" * 64)),
    "link a folder": lambda path: (path.unlink(), path.mkdir()),
}


def damaged_files(lab: Laboratory, count: int) -> Iterator[Fault]:
    """Hurt one file or link of a board that died in a stage, then start it; at most `count` of all that there are."""
    faults = [fault for stage in (*STAGES, "settled") for fault in _all(lab, stage)]
    for stage, name, kind, hurt in lab.chance.sample(faults, min(count, len(faults))):
        board = _dead_in(lab, stage, "hurt")
        if not os.path.lexists(board / name):
            continue
        hurt(board / name)
        what = "current" if name.startswith("current") else Path(name).name if "releases" not in name else "a release"
        yield replace(lab.outlive(board, GOOD, f"{kind}: {what}"), stage=stage)


def all_links_lost(lab: Laboratory, count: int) -> Iterator[Fault]:
    """Lose all links, and the state as well, with the clock of the files years behind or ahead."""
    for number in range(count):
        stage = (*STAGES, "settled")[number % (len(STAGES) + 1)]
        board = _dead_in(lab, stage, "lost")
        for path in sorted(board.iterdir()):
            if path.is_symlink() or (number % 2 and path.name.startswith("state.db")):
                path.unlink()
        for path in board.rglob("*"):
            os.utime(path, (lab.chance.choice((0, 2_800_000_000)),) * 2, follow_symlinks=False)
        kind = "all links and the state lost" if number % 2 else "all links lost"
        yield replace(lab.outlive(board, GOOD, kind), stage=stage)


def _all(lab: Laboratory, stage: str) -> Iterator[tuple[str, str, str, Callable[[Path], None]]]:
    board = _dead_in(lab, stage, "whole")
    for path in sorted(board.rglob("*")):
        name = str(path.relative_to(board))
        if path.is_symlink():
            yield from ((stage, name, kind, hurt) for kind, hurt in _LINKS.items())
        elif path.is_file():
            yield from ((stage, name, kind, hurt) for kind, hurt in _FILES.items())


def _dead_in(lab: Laboratory, stage: str, name: str) -> Path:
    """Return a board that was killed when a stage had just come to the disk, made once; or one that is settled."""
    kept = lab.world.folder / "dead" / stage
    if not kept.exists():
        board = lab.world.board("dying")
        ended = start(lab.world, board, replace(GOOD, dies_in="" if stage == "settled" else stage))
        assert ended.status == (0 if stage == "settled" else DIED), ended
        shutil.copytree(board, kept, symlinks=True)
    board = lab.world.folder / "boards" / name
    shutil.rmtree(board, ignore_errors=True)
    shutil.copytree(kept, board, symlinks=True)
    return board
