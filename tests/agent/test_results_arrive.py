"""A whole fleet of real processes, each of which is killed while the board works: what was numbered arrives, once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack

import pytest

from tests.agent.plant import Agent, Plant, log_of, make_board, wait_for
from tests.mosquitto import _PATH
from tests.runtime.swap import candidates

_NUMBERS = "SELECT stream, log, next_seq FROM line WHERE next_seq > 0 ORDER BY 1, 2"


class Party:
    """A process that is killed without a word, and started again."""

    def __init__(self, *command, **environment):
        self._command, self._environment = command, {**os.environ, **environment}
        self._start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._start()

    def _start(self):
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(self._command, env=self._environment, **silent)


def read(path, query):
    """Return what a query finds in a database that others write; nothing where there is none yet."""
    try:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            return database.execute(query).fetchall()
        finally:
            database.close()
    except sqlite3.OperationalError:
        return []


def grown(store, *, by):
    """Wait until so many more results have come."""
    before = len(read(store, "SELECT 1 FROM received WHERE stream = 'results'"))
    wait_for(
        lambda: len(read(store, "SELECT 1 FROM received WHERE stream = 'results'")), that=lambda n: n >= before + by
    )


@pytest.fixture
def plant(tmp_path):
    if shutil.which("mosquitto", path=_PATH) is None:
        pytest.skip("mosquitto is not installed")
    return Plant(tmp_path)


def test_what_the_board_has_numbered_arrives_once_whoever_is_killed(tmp_path, plant):
    board = make_board(tmp_path / "board", package=candidates.write(tmp_path / "tiny-1.edge", candidates.colors(10.0)))
    plant.enrol(board)
    outbox, store = board / "outbox.db", plant.fleet.path / "fleet.db"
    mosquitto = shutil.which("mosquitto", path=_PATH)
    program = "from edge_sdk.cli import main; main()"
    with ExitStack() as parties:
        broker = parties.enter_context(Party(mosquitto, "-c", str(plant.fleet.broker().folder / "mosquitto.conf")))
        command = (sys.executable, "-c", program, "fleet", "serve")
        serve = parties.enter_context(Party(*command, EDGE_SDK_FLEET=str(plant.fleet.path)))
        with Agent(board) as agent:
            grown(store, by=20)
            for kill in (broker.kill, serve.kill, lambda: os.kill(agent.workers()[0], signal.SIGKILL)):
                kill()
                grown(store, by=20)
            assert agent.end(signal.SIGKILL) == -signal.SIGKILL
        with Agent(board) as agent:
            grown(store, by=20)
            os.kill(agent.workers()[0], signal.SIGSTOP)  # nothing new is put
            wait_for(
                lambda: (read(outbox, _NUMBERS), read(store, _NUMBERS)), that=lambda both: both[0] == both[1] != []
            )
            assert agent.end(signal.SIGKILL) == -signal.SIGKILL, log_of(board)
    assert read(store, "SELECT sum(missing) FROM line") == [(0,)]
    came = [json.loads(row) for (row,) in read(store, "SELECT data FROM received WHERE stream = 'results'")]
    assert len(came) >= 100
    assert Counter((row["captured_ns"], row["unix_s"], row["seq"]) for row in came).most_common(1)[0][1] == 1
