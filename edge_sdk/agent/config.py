"""`agent.toml`: what this board does. Who it is and where it belongs stands in its identity, written by its enrolment.

sources = ["camera:0"]
profile = "raspberry-pi-5"
[updates]
folder = "/media/usb/edge"
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edge_sdk import files, records
from edge_sdk.agent.home_assistant_link import Neighbour
from edge_sdk.agent.worker.messages import Begin
from edge_sdk.agent.worker.vigil import Patience
from edge_sdk.errors import InputError

CONFIG_NAME = "agent.toml"
_MAX_BYTES = 1 << 20
_MB = 1_000_000
_UNTOUCHED_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class Updates:
    """Where updates come from, and how often they are looked for.

    Attributes:
        check_s: So many seconds after the last look comes the next one, a third more or less by chance; besides, when
            the fleet says that there is something.
        by: What is asked, in this order: the fleet's server over HTTPS, the broker.
        folder: A folder that is asked before them, such as a USB stick; it does not have to be there.
    """

    check_s: float = 3600.0
    by: tuple[Literal["server", "broker"], ...] = ("server", "broker")
    folder: str = ""

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: The time is less than a second.
        """
        if self.check_s < 1:
            raise InputError(f"check_s: expected 1 or more, got {self.check_s:g}")


@dataclass(frozen=True, slots=True)
class OutboxRoom:
    """How much of each stream waits on the disk, in megabytes (10^6 bytes), before the oldest rows go."""

    results_mb: float = 64.0
    events_mb: float = 8.0
    metrics_mb: float = 8.0
    diagnostics_mb: float = 4.0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: One is too small for a row.
        """
        for stream, size_mb in self.streams_mb.items():
            if size_mb < 0.1:
                raise InputError(f"{stream}_mb: expected 0.1 or more, got {size_mb:g}")

    @property
    def streams_mb(self) -> dict[str, float]:
        """By stream."""
        data = records.to_data(self)
        return {name.removesuffix("_mb"): size_mb for name, size_mb in data.items()}

    @property
    def streams_bytes(self) -> dict[str, int]:
        """By stream, in bytes."""
        return {stream: round(size_mb * _MB) for stream, size_mb in self.streams_mb.items()}


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """What the agent of this board does.

    Attributes:
        sources: Where samples come from, as `edge-sdk run --source` takes them.
        sinks: Where results go besides the fleet, as `--sink` takes them.
        profile: Name of the board's profile; empty finds out.
        policy: Which samples are processed; empty takes what is usual for the sources.
        score_threshold: Least score of a reported box; None is the package's.
        rate_hz: At most so many samples a second of each source; 0 takes all.
        memory_mb: So much memory of the worker (10^6 bytes), and it is ended; 0 for no limit.
        metrics_s: How often figures go to the fleet, in seconds.
        updates: Where updates come from.
        outbox: How much waits for the fleet.
        home_assistant: Where Home Assistant is, if it is to show this board.
    """

    sources: tuple[str, ...]
    sinks: tuple[str, ...] = ()
    profile: str = ""
    policy: Literal["", "newest", "every"] = ""
    score_threshold: float | None = None
    rate_hz: float = 0.0
    memory_mb: float = 0.0
    metrics_s: float = 60.0
    updates: Updates = field(default_factory=Updates)
    outbox: OutboxRoom = field(default_factory=OutboxRoom)
    home_assistant: Neighbour = field(default_factory=Neighbour)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: There is no source, or a number is out of its range.
        """
        if not self.sources:
            raise InputError("sources: expected at least one, got none")
        for name, least in (("rate_hz", 0), ("memory_mb", 0), ("metrics_s", 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name}: expected {least} or more, got {getattr(self, name):g}")

    @property
    def patience(self) -> Patience:
        """How the worker is watched."""
        return Patience(max_memory_bytes=round(self.memory_mb * _MB))

    def begin(self, folder: Path) -> Begin:
        """Return how the worker is to run; the package is still to be named.

        Args:
            folder: The device's folder.
        """
        return Begin(
            package="",
            sources=self.sources,
            sinks=self.sinks,
            outbox=str(folder / "outbox.db"),
            outbox_bytes=self.outbox.streams_bytes,
            profile=self.profile,
            policy=self.policy,
            score_threshold=self.score_threshold,
            rate_hz=self.rate_hz,
            max_memory_bytes=_allocatable_bytes(self.memory_mb),
        )


def _allocatable_bytes(memory_mb: float) -> int:
    """Return what a worker may allocate that may have so much resident; 0 for no limit.

    Stacks of threads and room that nobody has touched count too: a worker of 105 MB has allocated 370 MB.
    """
    return round(2 * memory_mb * _MB) + _UNTOUCHED_BYTES if memory_mb else 0


def settings(sources: Sequence[str], profile: str = "") -> bytes:
    """Return `agent.toml` of a board that has none yet.

    Args:
        sources: Where samples come from.
        profile: What names the board's profile; empty finds out.
    """
    listed = ", ".join(json.dumps(source, ensure_ascii=False) for source in sources)  # TOML has JSON's strings
    named = f"profile = {json.dumps(profile, ensure_ascii=False)}\n" if profile else ""
    return f"# What this board does: docs/how_to/agent.md\nsources = [{listed}]\n{named}".encode()


def read_config(folder: Path) -> AgentConfig:
    """Read `agent.toml` in the device's folder.

    Raises:
        InputError: It is not there, or is wrong; the message has one line a mistake, with its place.
    """
    path = folder / CONFIG_NAME
    if not path.is_file():
        raise InputError(f"{path}: expected the agent's settings, got nothing there", hint="docs/how_to/agent.md")
    config = records.read_toml(AgentConfig, files.read_bytes(path, max_bytes=_MAX_BYTES), where=str(path))
    if config.profile:
        from edge_sdk.profiles import load_profile

        load_profile(config.profile)
    return config
