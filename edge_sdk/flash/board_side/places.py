"""Where things are on the board."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one board.

    Attributes:
        root: The board's file system: `/`, or a folder that stands for it in tests.
        kit: The kit's folder, on the boot partition or the root file system.
    """

    root: Path
    kit: Path

    def has(self, program: str) -> bool:
        """Tell whether the board has a program of the system's."""
        return any((self.root / folder / program).exists() for folder in ("usr/sbin", "usr/bin", "sbin", "bin"))

    @property
    def boot(self) -> Path:
        """What the first boot keeps: its program, its status, and secrets between their card and their use."""
        return self.root / "opt/edge-sdk/boot"

    @property
    def environments(self) -> Path:
        """One folder for each kit's environment."""
        return self.root / "opt/edge-sdk/venvs"

    @property
    def current(self) -> Path:
        """A link to the environment in use."""
        return self.root / "opt/edge-sdk/current"

    @property
    def previous(self) -> Path:
        """A link to the environment that was proven before: where a kit that fails goes back to."""
        return self.root / "opt/edge-sdk/previous"

    @property
    def program(self) -> Path:
        """`edge-sdk` of the environment in use, by the path that the agent's service names."""
        return self.current / "bin/edge-sdk"

    @property
    def device(self) -> Path:
        """The device's folder."""
        return self.root / "var/lib/edge-sdk"

    @property
    def agent_unit(self) -> Path:
        """The agent's service."""
        return self.root / "etc/systemd/system/edge-sdk-agent.service"
