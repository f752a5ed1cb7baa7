"""The set of wheels that lacks nothing on the board, and has nothing that the board does not need.

Who fetches wheels may judge markers by the machine it runs on, as pip does whatever `--python-version` says
(https://github.com/pypa/pip/issues/6117). So the set is walked by what each wheel requires on the board, and what is
lacking is fetched, until nothing is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from edge_sdk.errors import InputError
from edge_sdk.flash.system import BoardSystem
from edge_sdk.flash.wheels.target import kept, marker_environment, platforms
from edge_sdk.flash.wheels.wheel import Wheel

Fetch = Callable[[Sequence[str]], Mapping[str, Wheel]]
"""Finds wheels for requirements without markers, by normalised name; those that it has not are left out."""
_MAX_ROUNDS = 20


def close(roots: Sequence[str], own: Wheel, board: BoardSystem, fetch: Fetch, *, where: str) -> tuple[Wheel, ...]:
    """Return the wheels that `roots` need on the board, by name.

    Args:
        roots: What is wanted.
        own: A wheel that is there already.
        board: Where the wheels are to run.
        fetch: Asked for all requirements known so far, until what it finds lacks nothing.
        where: What it asks, which starts the message.

    Raises:
        InputError: Wheels are not to be had; the message names each.
    """
    limit = [f"onnxruntime<={board.onnxruntime}"] if board.onnxruntime else []
    needed: list[str] = []
    wheels: Mapping[str, Wheel] = {own.name: own}
    for _ in range(_MAX_ROUNDS):
        reached, lacking = walk(roots, wheels, board)
        if not lacking:
            return tuple(wheels[name] for name in sorted(reached))
        new = [requirement for requirement in lacking if requirement not in needed]
        if not new:
            raise _missing(lacking, board, where)
        needed += new
        asked = needed + [text for text in limit if any(_is_of(text, one) for one in needed)]
        wheels = {**fetch(asked), own.name: own}
    raise _missing(lacking, board, where)


def walk(roots: Sequence[str], wheels: Mapping[str, Wheel], board: BoardSystem) -> tuple[set[str], list[str]]:
    """Return which of the wheels `roots` need on the board, and the requirements that none of them meets."""
    environment, stays = marker_environment(board), kept(board)
    waiting = deque(Requirement(text) for text in roots)
    opened: set[tuple[str, str]] = set()
    lacking: dict[str, None] = {}
    while waiting:
        requirement = waiting.popleft()
        name = canonicalize_name(requirement.name)
        if name in stays:
            continue
        wheel = wheels.get(name)
        if wheel is None or not requirement.specifier.contains(wheel.version, prereleases=True):
            lacking[_bare(requirement)] = None
            continue
        for extra in sorted({"", *requirement.extras}):
            if (name, extra) in opened:
                continue
            opened.add((name, extra))
            waiting.extend(one for one in wheel.requires if _holds(one, environment | {"extra": extra}))
    return {name for name, _ in opened}, list(lacking)


def _holds(requirement: Requirement, environment: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(environment)


def _bare(requirement: Requirement) -> str:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{canonicalize_name(requirement.name)}{extras}{requirement.specifier}"


def _is_of(limit: str, requirement: str) -> bool:
    return Requirement(limit).name == canonicalize_name(Requirement(requirement).name)


def _missing(requirements: Sequence[str], board: BoardSystem, where: str) -> InputError:
    named = " ".join(f"--platform {name}" for name in (platforms(board)[0], f"manylinux2014_{board.arch}"))
    once = _combined(requirements)
    words = " ".join(f"'{requirement}'" for requirement in once)
    return InputError(
        f"{where}: expected wheels for {board}, got none for {', '.join(once)}",
        hint=f"python -m pip download --only-binary=:all: --implementation cp --python-version {board.python} "
        f"{named} {words}",
    )


def _combined(requirements: Sequence[str]) -> list[str]:
    by_name: dict[str, Requirement] = {}
    for one in map(Requirement, requirements):
        known = by_name.setdefault(one.name, one)
        known.specifier &= one.specifier
        known.extras |= one.extras
    return [_bare(one) for one in by_name.values()]
