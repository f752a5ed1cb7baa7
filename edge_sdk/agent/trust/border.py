"""What passes between the agent and the process that verifies: records as JSON, each with bytes behind it.

- The agent says what is to be done (`Job`), answers each `Need` with what is `Given`, and gets an `Outcome`.
- Whoever reads has a bound for each part and a limit of time.
"""

from __future__ import annotations

import json
import os
import select
import struct
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from edge_sdk import records
from edge_sdk.agent.trust.floors import Floors
from edge_sdk.errors import EdgeError, InputError, TrustError, UnavailableError
from edge_sdk.profiles import Family
from edge_sdk.wire.document import MAX_MESSAGE_BYTES, read_json
from edge_sdk.wire.release import Offer

RecordT = TypeVar("RecordT")
_LENGTHS = struct.Struct(">II")
_MAX_DATA_BYTES = 8 << 20
_READ_BYTES = 1 << 16
_FAMILIES: dict[str, type[EdgeError]] = {
    family.__name__: family for family in (InputError, TrustError, UnavailableError)
}


@dataclass(frozen=True, slots=True)
class Clock:
    """What time it may be.

    Attributes:
        now_unix_s: By this machine.
        floor_unix_s: It was at least that late once; a newer root ends this, so that who holds the offline keys can
            help a fleet whose clocks once ran ahead.
    """

    now_unix_s: float
    floor_unix_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Seeker:
    """Who asks for a release.

    Attributes:
        device: Its name.
        groups: Groups that it is in; the first with an assignment counts.
        families: Variants that its board runs, the best first.
    """

    device: str
    groups: tuple[str, ...]
    families: tuple[Family, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done: a refresh, and then a look for an offer if somebody asks for one."""

    floors: Floors
    clock: Clock
    seeker: Seeker | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """What the verifying process wants from the agent.

    Attributes:
        what: A kept `root` by its number, kept metadata to `load`, a `file` of the repository, or to `keep` metadata.
        name: Of the role or file.
        number: Of the root; how large the file may be, in bytes.
        floors: To keep with the metadata.
    """

    what: Literal["root", "load", "file", "keep"]
    name: str = ""
    number: int = 0
    floors: Floors | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """An error of ours, on its way through a pipe."""

    family: str
    message: str
    hint: str = ""

    @classmethod
    def of(cls, exc: EdgeError) -> Problem:
        """Return the problem that an error tells of."""
        return cls(type(exc).__name__, str(exc), exc.hint)

    def error(self) -> EdgeError:
        """Return it as an error again."""
        return _FAMILIES.get(self.family, TrustError)(self.message, hint=self.hint)


@dataclass(frozen=True, slots=True)
class Given:
    """The answer to a need; the bytes follow."""

    is_there: bool
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job."""

    offer: Offer | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What the verifying process says: a need, or the outcome."""

    need: Need | None = None
    outcome: Outcome = field(default_factory=Outcome)


class Channel:
    """One end of two pipes."""

    def __init__(self, incoming: int, outgoing: int, *, patience_s: float | None) -> None:
        """Take two file descriptors, and how long to wait for the other side; None for as long as it takes."""
        self._incoming, self._outgoing, self._patience_s = incoming, outgoing, patience_s

    def send(self, record: Any, data: bytes = b"") -> None:
        """Send a record and bytes.

        Raises:
            UnavailableError: The other side is gone.
        """
        line = json.dumps(records.to_data(record)).encode()
        rest = memoryview(_LENGTHS.pack(len(line), len(data)) + line + data)
        try:
            while rest:
                rest = rest[os.write(self._outgoing, rest) :]
        except BrokenPipeError as exc:
            raise UnavailableError("verification: expected the other process, got its end") from exc

    def receive(self, record: type[RecordT]) -> tuple[RecordT, bytes]:
        """Receive a record and bytes.

        Raises:
            InputError: They are larger than they may be, or of another kind.
            UnavailableError: The other side is gone, or says nothing.
        """
        line_bytes, data_bytes = _LENGTHS.unpack(self._take(_LENGTHS.size))
        if line_bytes > MAX_MESSAGE_BYTES or data_bytes > _MAX_DATA_BYTES:
            raise InputError(f"verification: expected a short message, got {line_bytes} and {data_bytes} bytes")
        line = self._take(line_bytes)
        return records.read(record, read_json(line, where="verification"), where="verification"), self._take(data_bytes)

    def _take(self, size_bytes: int) -> bytes:
        parts: list[bytes] = []
        while size_bytes:
            if not select.select([self._incoming], [], [], self._patience_s)[0]:
                raise UnavailableError(f"verification: expected an answer within {self._patience_s:g} s, got none")
            part = os.read(self._incoming, min(size_bytes, _READ_BYTES))
            if not part:
                raise UnavailableError("verification: expected the other process, got its end")
            parts.append(part)
            size_bytes -= len(part)
        return b"".join(parts)
