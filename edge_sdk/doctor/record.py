"""What is examined, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_sdk.errors import EdgeError
from edge_sdk.profiles import DeviceProfile

State = Literal["ok", "warning", "failed", "not here"]


@dataclass(frozen=True, slots=True)
class User:
    """Who runs the models.

    Attributes:
        name: As the system calls them.
        uid: Their number; 0 may do anything.
        groups: The numbers of the groups that this process has.
    """

    name: str
    uid: int
    groups: frozenset[int]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is examined.

    Attributes:
        user: Who runs the models.
        profile: The board; None if it is none that is known.
        package: The package that should run there, if one was named.
        sources: The sources that should be read there.
        opens_cameras: Whether all cameras are opened and measured, not only those of `sources`.
        root: Where the board's file system is.
    """

    user: User
    profile: DeviceProfile | None = None
    package: Path | None = None
    sources: tuple[str, ...] = ()
    opens_cameras: bool = False
    root: Path = Path("/")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What it is.
        state: `failed` keeps models from running rightly, `warning` may; `not here` is none of the two.
        evidence: What was seen, one line.
        cure: What to do about it, one line; a command where there is one.
    """

    name: str
    state: State
    evidence: str
    cure: str = ""

    def __post_init__(self) -> None:
        """Make one line of what others said."""
        for field in ("evidence", "cure"):
            object.__setattr__(self, field, " ".join(getattr(self, field).split()))


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that was found.

    Attributes:
        board: The name of the board's profile; empty if it is none that is known.
        findings: In the order of the checks.
    """

    board: str
    findings: tuple[Finding, ...]

    def of_state(self, state: State) -> tuple[Finding, ...]:
        """Return the findings of one state."""
        return tuple(finding for finding in self.findings if finding.state == state)


def failure(name: str, exc: EdgeError) -> Finding:
    """Return the finding for an error that keeps models from running."""
    return Finding(name, "failed", str(exc), exc.hint)
