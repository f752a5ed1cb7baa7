"""Wheels from a folder of the user's, for machines without an index: no network and no pip."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from edge_sdk.errors import InputError
from edge_sdk.flash.system import BoardSystem
from edge_sdk.flash.wheels.target import tags
from edge_sdk.flash.wheels.wheel import Wheel, read_wheel


class WheelFolder:
    """The wheels in a folder that a board runs.

    Args:
        board: Where they are to run.
        folder: Where they are; others may be there as well.

    Raises:
        InputError: It is no folder with wheels, or a wheel in it is none.
    """

    def __init__(self, board: BoardSystem, folder: Path) -> None:
        paths = sorted(folder.glob("*.whl"))
        if not paths:
            raise InputError(f"{folder}: expected a folder with wheels, got none there")
        self._places = tags(board)
        self._by_name: dict[str, list[Wheel]] = defaultdict(list)
        for wheel in map(read_wheel, paths):
            if wheel.is_for(board.python) and not wheel.tags.isdisjoint(self._places):
                self._by_name[wheel.name].append(wheel)

    def fetch(self, requirements: Sequence[str]) -> Mapping[str, Wheel]:
        """Return the newest wheel for each requirement, of equal ones that which fits the board best."""
        wanted: dict[str, SpecifierSet] = defaultdict(SpecifierSet)
        for requirement in map(Requirement, requirements):
            wanted[canonicalize_name(requirement.name)] &= requirement.specifier
        found = {name: self._best(name, specifier) for name, specifier in wanted.items()}
        return {name: wheel for name, wheel in found.items() if wheel is not None}

    def _best(self, name: str, specifier: SpecifierSet) -> Wheel | None:
        wheels = self._by_name.get(name, [])
        versions = set(specifier.filter(wheel.version for wheel in wheels))
        fitting = [wheel for wheel in wheels if wheel.version in versions]
        return max(fitting, key=lambda wheel: (Version(wheel.version), -self._place(wheel)), default=None)

    def _place(self, wheel: Wheel) -> int:
        return min(self._places[tag] for tag in wheel.tags if tag in self._places)
