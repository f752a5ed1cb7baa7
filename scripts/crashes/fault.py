"""A fault that was tried, and what a laboratory needs to try it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from scripts.crashes.board import ENDED, SCRIPTS, Script, start
from scripts.crashes.checker import Checker
from scripts.crashes.world import World

GOOD = SCRIPTS["a good release"]
DIED = -9


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        kind: What was done.
        stage: Of the update, on the disk when the board started again.
        trouble: What is wrong now; empty if the board came through.
    """

    kind: str
    stage: str
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Laboratory:
    """Where faults are tried.

    Attributes:
        world: What boards live in.
        checker: Says whether a board has a model that runs.
        chance: Draws what is at random, the same each time.
        is_small: Whether it is the form for tests.
        notes: What is to be said about how it was done.
    """

    world: World
    checker: Checker
    chance: random.Random
    is_small: bool = False
    notes: list[str] = field(default_factory=list)

    def digest(self, name: str) -> str:
        """Return the digest of a package; `factory` is what boards come with."""
        return self.world.factory if name == "factory" else self.world.offer(name).package.sha256

    def outlive(self, board: Path, script: Script, kind: str, *, before: Callable[[], None] = lambda: None) -> Fault:
        """Start a board again after a fault; it must end with the model that it should."""
        end = start(self.world, board, replace(script, dies_in=""), before=before)
        if end.status != ENDED:
            return Fault(kind, end.found, f"it ended with {end.status}: {end.said[-400:]}")
        got, wanted = self.checker.runs(board), self.digest(script.ends_on)
        return Fault(kind, end.found, "" if got == wanted else f"expected {script.ends_on}, got {got}")


Party = Callable[[Laboratory, int], Iterator[Fault]]
"""Tries about so many faults of its kind."""
