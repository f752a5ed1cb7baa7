"""What a power cut leaves on a disk that lies: a journal that is cut short, zeroed or torn at any place."""

from __future__ import annotations

import shutil

import pytest

from edge_sdk.outbox import Limit, Mark, Outbox
from edge_sdk.outbox import database as database_module

_LIMITS = {"results": Limit(1_000_000)}


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """A folder as the disk had it while rows were put, each numbered, none moved from the journal yet."""
    folder = tmp_path_factory.mktemp("before")
    with Outbox.open(folder / "in use.db", _LIMITS) as outbox:
        for number in range(40):
            outbox.put("results", b"%d" % number)
            outbox.flush()
        for end in ("", "-wal"):
            shutil.copy(folder / f"in use.db{end}", folder / f"o.db{end}")
        return folder, outbox.log


def rows_of(outbox):
    found, after = {}, None
    while batch := outbox.batch("results", after=after, max_rows=100, max_bytes=10_000):
        found.update({(batch.log, seq): row for seq, row in enumerate(batch.rows, batch.first_seq)})
        after = batch.end
    return found


@pytest.mark.parametrize("left", range(0, 100, 5))
@pytest.mark.parametrize("how", ["cut", "zeroes", "torn"])
def test_the_first_rows_are_left_and_no_number_is_used_again(before, tmp_path, monkeypatch, left, how):
    folder, log = before
    shutil.copy(folder / "o.db", tmp_path / "o.db")
    journal = (folder / "o.db-wal").read_bytes()
    keep = len(journal) * left // 100 + 7
    rest = {"cut": b"", "zeroes": bytes(len(journal) - keep), "torn": bytes(512) + journal[keep + 512 :]}[how]
    (tmp_path / "o.db-wal").write_bytes(journal[:keep] + rest)
    (tmp_path / "boot").write_text("the next start of the machine")
    monkeypatch.setattr(database_module, "_BOOT", tmp_path / "boot")
    with Outbox.open(tmp_path / "o.db", _LIMITS) as outbox:
        found = rows_of(outbox)
        assert found == {(log, seq): b"%d" % seq for seq in range(len(found))}
        assert len(found) >= 30 or left < 90
        outbox.put("results", b"new")
        outbox.flush()
        assert rows_of(outbox) == {**found, (outbox.log, 0): b"new"}
        assert outbox.log != log
        outbox.acknowledge("results", Mark(log, 40))  # the fleet has what the disk lost, and says so
        assert rows_of(outbox) == {(outbox.log, 0): b"new"}
    assert (tmp_path / "o.db.damaged").exists() == bool(outbox.damaged)
