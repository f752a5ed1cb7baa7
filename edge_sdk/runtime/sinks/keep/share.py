"""Who gives way when the folder is full.

- The reason that takes most gives, the newcomer's counted with what it asks for. So a reason may use what the others
  leave, and none that takes no more than its share loses anything to another.
- Of that reason the older half is looked at, and the weakest of it goes; of equals, the oldest. So what is strong stays
  longer, and nothing stays for ever.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_sdk.runtime.kept.record import Reason


@dataclass(frozen=True, slots=True)
class Entry:
    """What the folder knows of a sample while a run fills it.

    Attributes:
        number: Its number; smaller is older.
        file: Name of its data file.
        reason: Whose share it takes.
        score: How strong that reason is, 0 to 1.
        size_bytes: What it takes on disk.
        likeness: See `picture.likeness_of`.
    """

    number: int
    file: str
    reason: Reason
    score: float
    size_bytes: int
    likeness: int


def used_bytes(entries: Sequence[Entry], reason: Reason) -> int:
    """Return what a reason takes."""
    return sum(entry.size_bytes for entry in entries if entry.reason == reason)


def loser(entries: Sequence[Entry], reason: Reason, wanted_bytes: int) -> Entry:
    """Return the entry that makes room.

    Args:
        entries: At least one, the oldest first.
        reason: Of the newcomer.
        wanted_bytes: What the newcomer takes.
    """
    used: dict[Reason, int] = {}
    for entry in entries:
        used[entry.reason] = used.get(entry.reason, 0) + entry.size_bytes
    if reason in used:
        used[reason] += wanted_bytes
    most = max(used, key=lambda one: used[one])
    of_it = [entry for entry in entries if entry.reason == most]
    older = of_it[: (len(of_it) + 1) // 2]
    return min(older, key=lambda entry: (entry.score, entry.number))
