"""Many boards from one table: `devices.csv` says which, and beside it stands what has become of each.

    device,target,hostname,groups,profile
    press-4,press-4.img,,hall-2;night,
    press-5,ssh://pi@press-5,,hall-2,raspberry-pi-4b

- The whole table is read and checked before the first board: a mistake in the last line costs no card.
- `devices.results.csv` gets a line when a board is done or has failed, on the disk before the next one begins; the same
  batch again does those that are not done.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from edge_sdk import files, records
from edge_sdk.errors import InputError

_MAX_BYTES = 16 << 20
_COLUMNS = ("device", "target", "hostname", "groups", "profile")
State = Literal["flashed", "proven", "failed"]


@dataclass(frozen=True, slots=True)
class Row:
    """A board of a batch.

    Attributes:
        device: Its name.
        target: Where its kit goes; empty for the target of the command: a drive that one card after another comes into.
        hostname: Its name in the network; empty for that of the command.
        groups: Groups of the fleet, beside those of the command.
        profile: Its kind of board; empty for that of the command.
    """

    device: str
    target: str = ""
    hostname: str = ""
    groups: tuple[str, ...] = ()
    profile: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What has become of a board.

    Attributes:
        device: Its name.
        target: Where its kit went.
        state: `flashed`, `proven` where that was waited for, or `failed`.
        reason: Why it failed.
        kit: Digest of its kit.
        at_unix_s: When.
    """

    device: str
    target: str
    state: State
    reason: str
    kit: str
    at_unix_s: int


def read_batch(path: Path, *, target: str = "") -> tuple[Row, ...]:
    """Read a table of boards.

    Args:
        path: CSV in UTF-8 with a line of names, `device` among them; further columns are refused.
        target: The target of the command, for rows without one.

    Raises:
        InputError: It cannot be read; each mistake by its line.
    """
    table = _table(path)
    head = [name.strip() for name in table.fieldnames or ()]
    unknown = [name for name in head if name not in _COLUMNS]
    if "device" not in head or unknown or len(set(head)) < len(head):
        raise InputError(f"{path}: expected the columns {', '.join(_COLUMNS)}, got {', '.join(head) or 'none'}")
    table.fieldnames = head
    rows, mistakes = [], []
    for record in table:
        row = _row(record)
        mistakes += [f"{path}: line {table.line_num}: {wrong}" for wrong in _mistakes(row, record, target)]
        rows.append(row)
    mistakes += [f"{path}: {wrong}" for wrong in _repeated(rows)]
    if mistakes or not rows:
        raise InputError("\n".join(mistakes) or f"{path}: expected at least one board, got none")
    return tuple(rows)


class Results:
    """The file beside a batch.

    Attributes:
        path: Where it is.
    """

    def __init__(self, batch: Path) -> None:
        """Read what is there.

        Raises:
            InputError: It is no such file.
        """
        self.path = batch.with_suffix(".results.csv")
        self._results = tuple(self._read()) if self.path.exists() else ()

    def is_done(self, device: str, *, wanted: State) -> bool:
        """Tell whether a board has come as far as is wanted."""
        enough = ("proven",) if wanted == "proven" else ("flashed", "proven")
        latest = next((result for result in reversed(self._results) if result.device == device), None)
        return latest is not None and latest.state in enough

    def add(self, result: Result) -> None:
        """Write down what has become of a board.

        Raises:
            UnavailableError: The disk cannot be written.
        """
        self._results = (*(other for other in self._results if other.device != result.device), result)
        text = io.StringIO()
        table = csv.DictWriter(text, [field.name for field in fields(Result)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(one) for one in self._results)
        files.write_bytes(self.path, text.getvalue().encode())

    def _read(self) -> Iterator[Result]:
        for record in _table(self.path):
            number = record.get("at_unix_s") or ""
            fields_read = {**record, "at_unix_s": int(number) if number.isdecimal() else number}
            yield records.read(Result, fields_read, where=f"{self.path}")


def _table(path: Path) -> csv.DictReader[str]:
    try:
        text = files.read_bytes(path, max_bytes=_MAX_BYTES).decode("utf-8-sig")  # spreadsheets write a mark first
    except UnicodeDecodeError as exc:
        raise InputError(f"{path}: expected CSV in UTF-8, got {exc.reason} at byte {exc.start}") from exc
    return csv.DictReader(io.StringIO(text, newline=""), restkey="", skipinitialspace=True)


def _row(record: dict[str, str]) -> Row:
    values = {name: (record.get(name) or "").strip() for name in _COLUMNS}
    groups = tuple(group.strip() for group in values.pop("groups").split(";") if group.strip())
    return Row(groups=groups, **values)


def _mistakes(row: Row, record: dict[str, str], target: str) -> Iterator[str]:
    if "" in record:
        yield f"expected {len(record) - 1} columns, got more"
    for name in (row.device, *row.groups):
        if not files.is_safe_name(name):
            yield f"device or group: expected letters, digits, '.', '_', '-', got {name[:80]!r}"
    if not row.target and not target:
        yield "target: expected where it goes, got nothing, and the command names no drive"


def _repeated(rows: Sequence[Row]) -> Iterator[str]:
    for name, values in (("device", [row.device for row in rows]), ("target", [row.target for row in rows])):
        for value, count in Counter(values).items():
            if count > 1 and value and not value.startswith("/dev/"):
                yield f"{name}: expected each once, got {value!r} {count} times"
