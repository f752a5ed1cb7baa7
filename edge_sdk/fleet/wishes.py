"""What each device is to be told: the release it is to look for, and its commands; and when one of them is new."""

from __future__ import annotations

import time
from collections.abc import Iterator

from edge_sdk.fleet.folder import Fleet
from edge_sdk.fleet.registry import Registry
from edge_sdk.fleet.repository.releases import To, assignments
from edge_sdk.wire import Place, encode
from edge_sdk.wire.messages import Desired
from edge_sdk.wire.release import Assignment

_LOOK_S = 0.5


class Wishes:
    """The wishes of the operator, as they stand in the repository, the devices' records and the registry."""

    def __init__(self, fleet: Fleet, registry: Registry) -> None:
        """Read nothing yet; what stands at the first look is no news, since each device asks when it connects."""
        self._fleet, self._registry = fleet, registry
        self._enrolment = fleet.enrolment()
        self._groups: dict[str, tuple[str, ...]] = {}
        self._assigned: dict[tuple[To, str], Assignment] = {}
        self._seen: tuple[int, ...] = ()
        self._revisions: dict[str, int] | None = None
        self._looked_s = float("-inf")

    def is_member(self, device: str) -> bool:
        """Tell whether a device was enrolled and is kept."""
        if device not in self._groups and (member := self._enrolment.member(device)) is not None:
            self._groups[device] = member.groups
        return device in self._groups

    def desired(self, device: str) -> Desired:
        """Return which release a device is to look for: its own assignment, else that of its first group with one."""
        wanted: list[tuple[To, str]] = [
            ("devices", device),
            *(("groups", name) for name in self._groups.get(device, ())),
        ]
        for key in wanted:
            if (assignment := self._assigned.get(key)) is not None:
                return Desired(assignment.revision, assignment.release)
        return Desired(0)

    def news(self, *, now_s: float) -> Iterator[tuple[str, bytes]]:
        """Yield what has changed since the last look, as topics and payloads; looks twice a second at most.

        Raises:
            InputError: A document of the repository cannot be read.
            UnavailableError: The disk cannot be read.
        """
        if time.monotonic() - self._looked_s < _LOOK_S:
            return
        self._looked_s = time.monotonic()
        yield from self._new_assignments()
        revisions = self._registry.revisions()
        before, self._revisions = self._revisions, revisions
        for device, revision in revisions.items():
            if before is not None and before.get(device) != revision:
                commands = self._registry.commands(device, now_s=now_s)
                yield self._place(device).down("command"), encode(commands)

    def _new_assignments(self) -> Iterator[tuple[str, bytes]]:
        metadata, devices = self._fleet.path / "repository" / "metadata", self._fleet.path / "devices"
        seen = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in (metadata / "timestamp.json", devices))
        if seen == self._seen:
            return
        is_first, self._seen = not self._seen, seen
        before = {device: self.desired(device) for device in self._groups}
        self.look()
        for device in () if is_first else self._groups:
            if (desired := self.desired(device)) != before.get(device, Desired(0)):
                yield self._place(device).down("desired"), encode(desired)

    def look(self) -> None:
        """Read who is to have what, now.

        Raises:
            InputError: A document of the repository cannot be read.
        """
        self._assigned = assignments(self._fleet.repository())
        self._groups = {member.device: member.groups for member in self._enrolment.members()}

    def _place(self, device: str) -> Place:
        return Place(self._fleet.settings.name, device)
