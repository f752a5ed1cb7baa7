"""Try what needs a kernel's devices in the emulated machine, and print what came of it."""

from __future__ import annotations

import argparse
import json
import time

from scripts.laboratory.parts import PARTS, run_part


def main() -> None:
    """Run one part of the laboratory."""
    parser = argparse.ArgumentParser(prog="scripts/lab", description=__doc__)
    parser.add_argument("part", choices=PARTS)
    part = parser.parse_args().part
    start_s = time.monotonic()
    for step, told in run_part(part).items():
        print(f"{step:>16}  {json.dumps(told)}")
    print(f"{'took':>16}  {time.monotonic() - start_s:.0f} s")


if __name__ == "__main__":
    main()
