"""Where the benchmarks find and put things."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ASSETS = Path(os.environ.get("EDGE_SDK_ASSETS", ROOT.parent / "shared/assets"))
CLI = Path(sys.executable).parent / "edge-sdk"
BENCHMARKS = ROOT / "benchmarks"
PEERS = ROOT / ".peers"
"""Environments of the peers, and what a run has made so far; nothing of it is kept in git."""
