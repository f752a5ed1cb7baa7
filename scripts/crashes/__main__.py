"""Try faults on boards, and tell what came through: `scripts/crashlab`."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from scripts.crashes.checker import Checker
from scripts.crashes.fault import Fault, Laboratory
from scripts.crashes.page import table, write_page
from scripts.crashes.parties import PARTIES
from scripts.crashes.world import make_world


def main() -> int:
    """Run the laboratory; return 1 if a board did not come through."""
    parser = argparse.ArgumentParser(prog="scripts/crashlab", description=__doc__)
    parser.add_argument("party", nargs="*", help=f"which faults: {', '.join(PARTIES)}; all without a name")
    parser.add_argument("--small", action="store_true", help="a few of each, as in the tests")
    parser.add_argument("--seed", type=int, default=6, help="draws what is at random")
    parser.add_argument("--write", action="store_true", help="write benchmarks/crashlab.md")
    asked = parser.parse_args()
    unknown = set(asked.party) - set(PARTIES)
    if unknown:
        parser.error(f"expected parties among {', '.join(PARTIES)}, got {', '.join(sorted(unknown))}")
    start_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="crashlab.") as folder, Checker() as checker:
        lab = Laboratory(make_world(Path(folder)), checker, random.Random(asked.seed))
        faults = _try(lab, asked.party or PARTIES, asked.small)
    print(table(faults))
    for note in lab.notes:
        print(note)
    for fault in faults:
        if fault.trouble:
            print(f"{fault.stage}: {fault.kind}: {fault.trouble}", file=sys.stderr)
    lost = sum(bool(fault.trouble) for fault in faults)
    print(f"{len(faults)} faults in {time.monotonic() - start_s:.0f} s; {lost} boards did not come through")
    if asked.write:
        write_page(faults, lab.notes)
    return int(lost > 0)


def _try(lab: Laboratory, parties: Iterable[str], is_small: bool) -> list[Fault]:
    faults: list[Fault] = []
    for name in parties:
        share = PARTIES[name]
        count = share.small if is_small else share.whole
        faults += share.tries(lab, count) if count else ()
        print(f"{name}: {len(faults)} faults so far", file=sys.stderr, flush=True)
    return faults


if __name__ == "__main__":
    sys.exit(main())
