"""What will be done to a board, told before anything of it is: the record that `--dry-run` prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edge_sdk.errors import InputError
from edge_sdk.flash.kit import CLAIM_NAME, Kit
from edge_sdk.flash.target import TargetKind

_MB = 1e6


@dataclass(frozen=True, slots=True)
class Board:
    """What the board becomes.

    Attributes:
        device: Its name.
        hostname: Its name in the network.
        fleet: The fleet that it becomes a member of; empty for none.
        profile: Its kind of board.
        family: Which variant of the model it runs.
        sources: Where its samples come from, or the file that says so.
    """

    device: str
    hostname: str
    fleet: str
    profile: str
    family: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done.

    Attributes:
        target: Where, as it was named.
        kind: What that is.
        says: The drive or the board, as people know it: maker, size.
        system: The operating system there, or of the image.
        customisation: In which way the system is customised; empty for a board that runs.
        image: The image that is written first; empty for none.
        image_bytes: Its size, unpacked; 0 without one.
        free_bytes: Room where the kit goes.
        kit_bytes: What the kit takes there.
        kit: The kit; a claim comes to its secrets when all is agreed.
        kit_sha256: Digest that names the kit.
        board: What the board becomes.
        estimate_s: How long it takes, about, without waiting for the board; 0 if that cannot be told.
        steps: What is done, in this order.
    """

    target: str
    kind: TargetKind
    says: str
    system: str
    customisation: str
    image: str
    image_bytes: int
    free_bytes: int
    kit_bytes: int
    kit: Kit
    kit_sha256: str
    board: Board
    estimate_s: float
    steps: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Yield it for people."""
        board, kit = self.board, self.kit
        said = f" ({self.says})" if self.says else ""
        yield f"target   {self.kind}: {self.target}{said}"
        yield f"system   {self.system}" + (f", customised by {self.customisation}" if self.customisation else "")
        yield f"board    {board.device}, {board.profile}, called {board.hostname} in the network"
        yield f"fleet    {board.fleet or 'none'}"
        yield f"model    {kit.package}, {board.family}, {kit.model_sha256[:12]}, on {', '.join(board.sources)}"
        kept = f", keeps {', '.join(kit.keeps)}" if kit.keeps else ""
        yield f"wheels   Python {kit.python}, {kit.arch}{kept}"
        yield (
            f"kit      {self.kit_sha256[:12]}, {self.kit_bytes / _MB:.0f} MB of {self.free_bytes / _MB:.0f} MB free; "
            f"installed it takes {kit.needs_bytes / _MB:.0f} MB"
        )
        secrets = (*kit.secrets, *((CLAIM_NAME,) if board.fleet else ()))
        if secrets:
            yield f"secret   {', '.join(secrets)}: on the card until the board has used it"
        for number, step in enumerate(self.steps, 1):
            yield f"{number:>2}. {step}"
        if self.estimate_s:
            yield f"takes about {_minutes(self.estimate_s)}"


def require_python(seen: str, given: str, usual: str) -> str:
    """Return the board's Python: what can be seen, else what was said, else what its profile says.

    Args:
        seen: What the system has, such as `3.13`; empty if it cannot be seen.
        given: What `--board-python` says; empty if it says nothing.
        usual: What the profile says.

    Raises:
        InputError: What was said is not what is there.
    """
    if seen and given and seen != given:
        raise InputError(f"--board-python: expected {seen}, which the system has, got {given}")
    return seen or given or usual


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"
