"""A fleet whose database was lost, or put back from a backup, goes on; what is gone is counted."""

from __future__ import annotations

import shutil

import pytest

from edge_sdk.fleet.store import Account, Store
from tests.agent.mailing import Board, ingesting, kept
from tests.mosquitto import Mosquitto


def rows(first, last):
    return [b'{"n":%d}' % number for number in range(first, last)]


def texts(first, last):
    return [row.decode() for row in rows(first, last)]


@pytest.fixture
def board(tmp_path):
    with Mosquitto(tmp_path) as broker, Board(tmp_path / "outbox.db", broker.port) as board:
        board.port = broker.port
        yield board


def deliver(board, path, first, last):
    """Put rows, and have them all acknowledged by the ingest of a database; return its rows and its account."""
    with Store(path) as store, ingesting(store, board.port):
        board.put(*rows(first, last))
        board.work_until(lambda: board.waits == 0)
        return kept(store), store.accounts()


def test_after_a_backup_was_put_back_the_rest_comes_and_what_devices_had_deleted_is_counted(tmp_path, board):
    path, backup = tmp_path / "fleet.db", tmp_path / "backup.db"
    deliver(board, path, 0, 50)
    shutil.copy(path, backup)
    assert deliver(board, path, 50, 80)[0] == texts(0, 80)
    shutil.copy(backup, path)
    assert deliver(board, path, 80, 90) == ([*texts(0, 50), *texts(80, 90)], (Account("press-4", "results", 60, 30),))


def test_after_the_database_was_lost_a_new_one_takes_what_devices_still_have(tmp_path, board):
    deliver(board, tmp_path / "fleet.db", 0, 50)
    with Store(tmp_path / "fleet.db") as store:
        assert len(kept(store)) == 50
    new = tmp_path / "new.db"
    assert deliver(board, new, 50, 60) == (texts(50, 60), (Account("press-4", "results", 10, 50),))
