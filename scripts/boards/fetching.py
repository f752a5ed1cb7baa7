"""Fetches what boards install, while there still is a network: the plans of `edge-sdk flash` ask for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_sdk.cli.demo.cards import write_model
from edge_sdk.errors import UnavailableError
from scripts.boards.lab import IMAGES
from scripts.boards.plant import PROGRAM


def fetch(flavours: Sequence[str]) -> None:
    """Ask for the plan of a board of each kind.

    Raises:
        UnavailableError: There is no plan.
    """
    with TemporaryDirectory(dir=IMAGES) as folder:
        package = write_model(Path(folder) / "cards-1.edge", version=1, factor=10.0)
        for flavour in flavours:
            image = ("--image", str(IMAGES / f"{flavour}.img"))
            words = (
                "flash",
                f"{folder}/board.img",
                str(package),
                "--profile",
                "arm64",
                "--device-id",
                "press-1",
                *image,
            )
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, *words, "--standalone", "--dry-run"],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise UnavailableError(f"flash --dry-run: expected a plan, got {done.stderr.strip()[-2000:]}")
