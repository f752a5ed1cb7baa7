"""The messages, by topic (docs/wire.md has one of each)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.wire.document import MAX_MESSAGE_BYTES, SCHEMA, read_fields

Stream = Literal["results", "events", "metrics", "diagnostics"]
CommandName = str
Stage = Literal["init", "executing", "successful", "failed"]
_MAX_SEQ = 1 << 53
"""Any number up to this one is the same in every JSON reader."""
_LOG = re.compile(r"[0-9a-f]{16}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Status:
    """`up/status`, retained: birth, and the last will with `online` false.

    Attributes:
        online: Whether the device is connected.
        boot: How often its agent has started; a will of an earlier start does not hold for a later one.
    """

    online: bool
    boot: int


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """How an update stands.

    Attributes:
        state: Of docs/update.md, such as `idle`, `fetching`, `trial`, `confirmed`, `refused`.
        release: NAME-VERSION; empty if there is none.
        reason: Why it was refused or rolled back; empty otherwise.
        done_bytes: How much of it is here and verified.
        size_bytes: How large it is; 0 if not known.
    """

    state: str = "idle"
    release: str = ""
    reason: str = ""
    done_bytes: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Reported:
    """`up/reported`, retained: what the device is, proven by the digest of the bytes that were loaded.

    Attributes:
        boot: As in the status.
        release: NAME-VERSION that is active; empty for none.
        package_sha256: Digest of the package that is active; empty for none.
        model_sha256: Digest of the ONNX bytes that onnxruntime really loaded; empty if it has loaded none.
        family: Which variant they are.
        proven_sha256: Digest of the model that gave its golden outputs on this board, of the package that is active, or
            is to be where none is loaded; empty if it never ran them here.
        worker: `running`, `paused`, `stopped`, or `failed: CAUSE`.
        update: How the last update stands.
        revision: Revision of the assignment that was last acted on.
        trust: Version of each TUF role that was verified last.
        time_trusted: Whether the clock can be right.
        dropped: Rows given up for want of room, by stream, since the outbox began.
        waiting: Rows that wait to be acknowledged, by stream.
        versions: Of edge-sdk, Python and onnxruntime.
    """

    boot: int
    release: str = ""
    package_sha256: str = ""
    model_sha256: str = ""
    family: str = ""
    worker: str = "stopped"
    update: UpdateReport = field(default_factory=UpdateReport)
    revision: int = 0
    trust: dict[str, int] = field(default_factory=dict)
    time_trusted: bool = False
    dropped: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    proven_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """`up/results`, `up/events`, `up/metrics`, `up/diagnostics`: rows of a stream, of consecutive numbers.

    A row is any JSON object; it is carried as it was written. The fleet keeps each by (device, stream, log, number), so
    that one that comes twice is kept once.

    Attributes:
        stream: Which stream.
        log: Which outbox numbered them: 16 hexadecimal digits.
        first_seq: Number of the first row.
        lost_before: Least number that the device still has; smaller ones that the fleet has not got will never come.
        rows: The rows, each as JSON.
    """

    stream: Stream
    log: str
    first_seq: int
    lost_before: int
    rows: tuple[bytes, ...]

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: The log is no log, or a number is negative.
        """
        _check_log(self.log)
        if not 0 <= self.first_seq <= _MAX_SEQ:
            raise InputError(f"first_seq: expected 0 to {_MAX_SEQ}, got {self.first_seq}")
        if not 0 <= self.lost_before <= self.first_seq:
            raise InputError(f"lost_before: expected 0 to {self.first_seq}, got {self.lost_before}")

    def encode(self) -> bytes:
        """Return it as bytes; the rows stand in it as they are."""
        head = json.dumps(
            {
                "schema": SCHEMA,
                "stream": self.stream,
                "log": self.log,
                "first_seq": self.first_seq,
                "lost_before": self.lost_before,
            },
            separators=(",", ":"),
        ).encode()
        return head[:-1] + b',"rows":[' + b",".join(self.rows) + b"]}"

    @classmethod
    def decode(cls, payload: bytes, *, where: str) -> Batch:
        """Read one; each row becomes compact JSON.

        Raises:
            InputError: It is none.
        """
        fields = read_fields(payload, where=where)
        rows = fields.pop("rows", None)
        head = records.read(_Head, fields, where=where, unknown="ignore")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError(f"{where}: rows: expected a list of JSON objects")
        try:
            compact = tuple(_compact(row) for row in rows)
        except RecursionError as exc:  # writing may reach less deep than reading did
            raise InputError(f"{where}: rows: expected no such depth, got {exc}") from exc
        return cls(head.stream, head.log, head.first_seq, head.lost_before, compact)


@dataclass(frozen=True, slots=True)
class _Head:
    stream: Stream
    log: str
    first_seq: int
    lost_before: int


@dataclass(frozen=True, slots=True)
class Ack:
    """`down/ack`: what the fleet has stored, durably.

    Attributes:
        log: Which outbox this is about.
        next_seq: By stream, the number below which the device may forget all.
    """

    log: str
    next_seq: dict[str, int]

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: The log is no log, or a number is none of a row.
        """
        _check_log(self.log)
        if any(not 0 <= number <= _MAX_SEQ + MAX_MESSAGE_BYTES for number in self.next_seq.values()):
            raise InputError(f"next_seq: expected numbers of rows, got {str(self.next_seq)[:80]}")


@dataclass(frozen=True, slots=True)
class Ask:
    """`up/ask`: the device has connected; it wants what it is to be, its commands and its acknowledgements.

    Attributes:
        boot: As in the status.
        log: The outbox it has; empty for none.
    """

    boot: int
    log: str = ""

    def __post_init__(self) -> None:
        """Check the log.

        Raises:
            InputError: It is none.
        """
        if self.log:
            _check_log(self.log)


@dataclass(frozen=True, slots=True)
class Desired:
    """`down/desired`, retained: a hint that there may be something new; what counts is the signed assignment.

    Attributes:
        revision: Grows with each assignment.
        release: NAME-VERSION, to be shown to people.
    """

    revision: int
    release: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """Something that the device is to do once.

    Attributes:
        id: Its own name, never used again: letters, digits, `.`, `_`, `-`, at most 64.
        name: What to do.
        arguments: How.
        expires_unix_s: From when on it is not to be begun any more; 0 for never.
    """

    id: str
    name: CommandName
    arguments: dict[str, str] = field(default_factory=dict)
    expires_unix_s: int = 0

    def __post_init__(self) -> None:
        """Check the id.

        Raises:
            InputError: It is none.
        """
        if not _ID.fullmatch(self.id):
            raise InputError(f"id: expected at most 64 letters, digits, '.', '_', '-', got {self.id[:80]!r}")


@dataclass(frozen=True, slots=True)
class Commands:
    """`down/command`, retained: all commands that are not settled yet.

    Attributes:
        revision: Grows with each change; an older document is passed over.
        commands: In the order they are to be done.
    """

    revision: int
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True)
class CommandState:
    """Where a command stands: init, executing, then successful or failed.

    Attributes:
        stage: Where it stands.
        reason: Why it failed.
        answer: What came out, a few values.
    """

    stage: Stage
    reason: str = ""
    answer: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CommandStates:
    """`up/command`, retained: where the latest commands stand, by id."""

    states: dict[str, CommandState] = field(default_factory=dict)


def _check_log(log: str) -> None:
    if not _LOG.fullmatch(log):
        raise InputError(f"log: expected 16 hexadecimal digits, got {log[:40]!r}")


def _compact(row: Any) -> bytes:
    try:
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    except RecursionError as exc:  # writing may have less room than reading had
        raise InputError("rows: expected JSON that is not nested beyond reason, got more") from exc
    return text.encode(errors="backslashreplace")
