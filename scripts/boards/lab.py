"""What the stories of the laboratory do again and again: flash a card, start a board, wait for what comes of it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edge_sdk.errors import GateError
from edge_sdk.fleet.folder import Fleet
from edge_sdk.fleet.overview import DeviceStatus, overview
from edge_sdk.package import open_package
from scripts.boards.machine import Machine
from scripts.boards.plant import Plant

IMAGES = Path(__file__).parents[2] / ".boards"
SOURCE = "/srv/belt.mp4?pace=real&repeat=1"
"""What `scripts/boards/belt.py` has put into each image."""
PATIENCE_S = 2400.0
"""For one board, from the command to its proof, on a machine that has other work."""
_SAID = 600


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a step.

    Attributes:
        story: Which story it is a part of.
        step: What was to happen.
        took_s: How long it took.
        says: What was seen.
    """

    story: str
    step: str
    took_s: float
    says: str


@dataclass(slots=True)
class Lab:
    """The laboratory: one fleet, and cards.

    Attributes:
        plant: The fleet.
        story: The story that is told now.
        seen: What was seen so far.
    """

    plant: Plant
    story: str = ""
    seen: list[Seen] = field(default_factory=list)

    def note(self, step: str, took_s: float, says: str) -> None:
        """Keep what was seen, and tell it."""
        self.seen.append(Seen(self.story, step, took_s, says))
        print(f"{self.story:>12}  {took_s:6.0f} s  {step}: {says}", flush=True)

    def card(self, device: str) -> Path:
        """Return where a device's card is."""
        return self.plant.folder / f"{device}.img"

    def status(self, device: str) -> DeviceStatus:
        """Return what the fleet knows of a device."""
        return overview(Fleet(self.plant.fleet), device).devices[0]

    def flash(self, device: str, flavour: str, *words: str) -> Path:
        """Flash a new card, and return its path; nobody waits for the board.

        Raises:
            UnavailableError: It fails.
        """
        start_s = time.monotonic()
        told = self.plant.run(*self._command(device, flavour, words))
        self.note("flashed", time.monotonic() - start_s, f"{flavour}.img, kit {told['kit'][:12]}")
        return self.card(device)

    @contextmanager
    def flashing(self, device: str, flavour: str, *words: str) -> Iterator[Flashing]:
        """Flash a new card, and let the command wait for the board's proof."""
        log = self.plant.folder / f"{device}.flash"
        start_s = time.monotonic()
        process = self.plant.start(*self._command(device, flavour, (*words, "--wait")), log=log)
        try:
            while not self.card(device).exists() and process.poll() is None:
                time.sleep(0.2)
            self.note("flashed", time.monotonic() - start_s, f"{flavour}.img, and waits for the board")
            yield Flashing(process, log, start_s)
        finally:
            process.kill()
            process.wait()

    def expect(self, machine: Machine, what: str, holds: Callable[[], bool], *, limit_s: float = PATIENCE_S) -> float:
        """Wait until something holds of a board that runs; return how long that took, in seconds.

        Raises:
            UnavailableError: It does not, in time; its console's last words are told.
        """
        return machine.wait(what, holds, limit_s=limit_s)

    def is_proven(self, device: str, version: int) -> bool:
        """Tell whether a device runs a version, by the digests of what it has loaded and of what has proven itself."""
        status, wanted = self.status(device), model_of(self.plant.package(version))
        return status.presence == "online" and status.model_sha256 == wanted and status.proven_sha256 == wanted

    def _command(self, device: str, flavour: str, words: Sequence[str]) -> tuple[str, ...]:
        profile = () if "--profile" in words else ("--profile", "arm64")
        target = (str(self.card(device)), str(self.plant.package(1)), *profile, "--device-id", device)
        return (
            *("flash", *target, "--fleet", str(self.plant.fleet), "--image", str(IMAGES / f"{flavour}.img")),
            *("--source", SOURCE, "--yes", *words),
        )


@dataclass(frozen=True, slots=True)
class Flashing:
    """A command that waits for a board.

    Attributes:
        process: It.
        log: What it says.
        start_s: When it was started.
    """

    process: subprocess.Popen[bytes]
    log: Path
    start_s: float

    @property
    def has_ended(self) -> bool:
        """Whether it waits no longer."""
        return self.process.poll() is not None

    def require(self, code: int, *words: str) -> str:
        """Return its last words.

        Raises:
            GateError: It has ended in another way, or says something else.
        """
        said = self.log.read_text(errors="replace")
        if self.process.returncode != code or not all(word in said for word in words):
            wanted = f"exit code {code} and {', '.join(words) or 'anything'}"
            raise GateError(f"flash --wait: expected {wanted}, got {self.process.returncode} and\n{said[-2000:]}")
        errors = [line for line in said.splitlines() if line.startswith("error: ")]
        return (errors or said.strip().splitlines())[-1][:_SAID]


def model_of(package: Path) -> str:
    """Return the digest of the model in a package of the demo's cards."""
    return open_package(package).manifest.variants["fp32"].model.sha256
