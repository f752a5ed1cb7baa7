"""The model that a board comes with: it proves itself here before the board comes with it.

- Golden samples are run first, in a child with limits: a package that fails changes nothing on the board.
- Where it is to be in use at once, the update that led to the one before is forgotten first, or the next start of the
  agent would bring that back. What was refused or rolled back stays so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_sdk.agent.golden import GoldenRun, Limits, Proof
from edge_sdk.agent.hands import Proves
from edge_sdk.agent.kept import Kept
from edge_sdk.agent.life import UPDATE, read_update
from edge_sdk.agent.slots import Slots
from edge_sdk.agent.state import State
from edge_sdk.agent.update import UpdateState
from edge_sdk.errors import TrustError
from edge_sdk.profiles import detect_profile, load_profile


@dataclass(frozen=True, slots=True)
class Proven:
    """A package that gave its golden outputs on this board.

    Attributes:
        path: The package.
        sha256: Its digest.
        release: NAME-VERSION.
        proof: What it has shown.
    """

    path: Path
    sha256: str
    release: str
    proof: Proof


def prove(package: Path, profile: str, *, run: Proves | None = None) -> Proven:
    """Run a package on its golden samples.

    Args:
        package: The package.
        profile: Name of the board's profile; empty finds out.
        run: What runs it; None is a child of this process.

    Raises:
        GateError: It crashed, hung, took too much, does not load, or gave other outputs.
        InputError: It is no package, or has nothing for this board.
        TrustError: It is not what its manifest says.
        UnavailableError: No child can be started, or what the package needs is not on this board now.
    """
    from edge_sdk.package import open_package

    opened = open_package(package)
    board = load_profile(profile) if profile else detect_profile().profile
    family = opened.manifest.family_for(board)
    proof = (run or GoldenRun(profile))(package.resolve(), Limits.of(family, 0))
    return Proven(package, opened.digest, f"{opened.manifest.name}-{opened.manifest.version}", proof)


def take_in(folder: Path, proven: Proven) -> bool:
    """Make a package the one that the board comes with; return whether it is in use from now on.

    Nothing else may work in the folder meanwhile.

    Args:
        folder: The device's folder.
        proven: The package.

    Raises:
        InputError: It cannot be read any more.
        TrustError: It is another one by now.
        UnavailableError: The disk is full or cannot be written.
    """
    slots, kept = Slots(folder), Kept(proven.release, proven.proof.model_sha256)
    sha256 = slots.take(proven.path)
    if sha256 != proven.sha256:
        raise TrustError(f"{proven.path}: expected SHA-256 {proven.sha256}, as when it was proven, got {sha256}")
    if slots.is_to_use(sha256, kept):
        with State(folder / "state.db") as state:
            forget_update(state)
    slots.install(sha256, kept)
    return slots.digest("current") == sha256


def forget_update(state: State) -> None:
    """Let no update be under way or done; what was given up stays so.

    Raises:
        UnavailableError: The disk is full or cannot be written.
    """
    state.write({UPDATE: UpdateState(rejected=read_update(state).rejected).encode()})
