"""What an emulated board looks at instead of a camera: the demo's belt of coloured cards, at an emulator's pace."""

from __future__ import annotations

import sys
from pathlib import Path

from edge_sdk.cli.demo.cards import write_belt

if __name__ == "__main__":
    write_belt(Path(sys.argv[1]), fps=4.0)
