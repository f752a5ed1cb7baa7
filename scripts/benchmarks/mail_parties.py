"""Producer, agent's mail and ingest as processes of their own, to be killed at any time; the broker is Mosquitto.

`python -m scripts.benchmarks.mail_parties producer OUTBOX RATE LIFE | mail OUTBOX PORT | ingest DATABASE PORT`
"""

from __future__ import annotations

import itertools
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from edge_sdk.agent.mail import Mail, Sender
from edge_sdk.broker.address import Broker
from edge_sdk.broker.happening import Received
from edge_sdk.broker.link import Link
from edge_sdk.broker.record import LinkOptions
from edge_sdk.outbox import Limit, Outbox
from edge_sdk.wire import Place

PLACE = Place("plant", "press-4")
LIMITS = {"results": Limit(500_000_000)}
_FLUSH_ROWS = 50
_LONGEST_S = 600.0


def produce(path: Path, rate_hz: int, life: str) -> None:
    """Put rows for ever; say, after each flush, how many of this life are on the disk."""
    with Outbox.open(path, LIMITS) as outbox:
        start_s = time.monotonic()
        for number in itertools.count():
            outbox.put("results", b'{"life":%s,"n":%d,"pad":"%s"}' % (life.encode(), number, b"x" * 200))
            if (number + 1) % _FLUSH_ROWS == 0:
                outbox.flush()
                print(life, number + 1, flush=True)
                time.sleep(max(0.0, start_s + number / rate_hz - time.monotonic()))


def send(path: Path, port: int) -> None:
    """Be the agent, as far as its mail goes, for ever."""
    options = LinkOptions(PLACE.device, (PLACE.all_down,), longest_pause_s=0.5)
    with Outbox.open(path, LIMITS) as outbox, Link(Broker("127.0.0.1", port), options) as link:
        mail = Mail(outbox, link, Sender(PLACE, patience_s=0.5), now_s=time.monotonic)
        while True:
            happening = link.next(timeout_s=0.05)
            while happening is not None:
                mail.hear(happening)
                if isinstance(happening, Received):
                    mail.acknowledge(happening.payload)
                    happening.accept()
                happening = link.next(timeout_s=0)
            mail.send()


def ingest(path: Path, port: int) -> None:
    """Be the fleet's ingest, for ever."""
    from edge_sdk.fleet.ingest import Ingest, subscriptions
    from edge_sdk.fleet.store import Store

    options = LinkOptions("ingest", subscriptions(PLACE.fleet), longest_pause_s=0.5)
    with Store(path) as store, Link(Broker("127.0.0.1", port), options) as link:
        Ingest(store, link).run(threading.Event())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was left of the rows.

    Attributes:
        confirmed: Rows that were said to be on the board's disk.
        stored: Rows that the fleet has.
        lost: Rows that were said to be on the disk, and that the fleet does not have.
        duplicated: Rows that the fleet has more than once.
        missing: Rows that were declared lost.
        kills: How often each party was killed.
        seconds: How long it took.
    """

    confirmed: int
    stored: int
    lost: int
    duplicated: int
    missing: int
    kills: dict[str, int]
    seconds: float


class Laboratory:
    """The four parties, started again whenever they are killed."""

    def __init__(self, folder: Path, *, broker: list[str], port: int, rate_hz: int) -> None:
        """Name them; nothing runs yet.

        Args:
            folder: Where outbox and store are.
            broker: How the broker is started.
            port: Its port.
            rate_hz: How many rows a second are put.
        """
        me = [sys.executable, "-m", "scripts.benchmarks.mail_parties"]
        self._outbox, self._store = folder / "outbox.db", folder / "fleet.db"
        self._commands = {
            "broker": broker,
            "producer": [*me, "producer", str(self._outbox), str(rate_hz)],
            "mail": [*me, "mail", str(self._outbox), str(port)],
            "ingest": [*me, "ingest", str(self._store), str(port)],
        }
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._confirmed: Counter[int] = Counter()
        self._lives = itertools.count()
        self._kills: Counter[str] = Counter()

    def run(self, rows: int, *, every_s: tuple[float, float], seed: int) -> Outcome:
        """Kill parties at random until so many rows are on the board's disk; then let all arrive, and count."""
        chance, start_s = random.Random(seed), time.monotonic()
        with ExitStack() as ends:
            for party in self._commands:
                ends.callback(self._kill, party)
                self._start(party)
            while sum(self._confirmed.values()) < rows:
                time.sleep(chance.uniform(*every_s))
                party = chance.choice(list(self._commands))
                self._kill(party)
                self._kills[party] += 1
                self._start(party)
            self._kill("producer")
            self._await_empty()
        return self._count(time.monotonic() - start_s)

    def _start(self, party: str) -> None:
        command = self._commands[party]
        if party == "producer":
            life = next(self._lives)
            process = subprocess.Popen([*command, str(life)], stdout=subprocess.PIPE, text=True)
            assert process.stdout is not None
            threading.Thread(target=self._hear, args=(process.stdout,), daemon=True).start()
        else:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        self._running[party] = process

    def _hear(self, said: TextIO) -> None:
        for line in said:
            life, number = line.split()
            self._confirmed[int(life)] = int(number)

    def _kill(self, party: str) -> None:
        self._running[party].kill()
        self._running[party].wait()

    def _await_empty(self) -> None:
        end_s = time.monotonic() + _LONGEST_S
        with Outbox.open(self._outbox, LIMITS) as outbox:
            while outbox.accounts()["results"].rows:
                if time.monotonic() > end_s:
                    raise TimeoutError(f"expected an empty outbox, got {outbox.accounts()}")
                time.sleep(0.1)

    def _count(self, seconds: float) -> Outcome:
        connection = sqlite3.connect(self._store)
        query = "SELECT json_extract(data, '$.life'), json_extract(data, '$.n') FROM row"
        stored = Counter(connection.execute(query).fetchall())
        (missing,) = connection.execute("SELECT sum(missing) FROM line").fetchone()
        connection.close()
        confirmed = [(life, number) for life, count in self._confirmed.items() for number in range(count)]
        return Outcome(
            confirmed=len(confirmed),
            stored=stored.total(),
            lost=sum(row not in stored for row in confirmed),
            duplicated=sum(count - 1 for count in stored.values()),
            missing=missing,
            kills=dict(self._kills),
            seconds=seconds,
        )


def main(words: list[str]) -> None:
    """Be the party that the command line names."""
    party, path, number, *life = words
    with suppress(KeyboardInterrupt):
        match party:
            case "producer":
                produce(Path(path), int(number), *life)
            case "mail":
                send(Path(path), int(number))
            case "ingest":
                ingest(Path(path), int(number))


if __name__ == "__main__":
    main(sys.argv[1:])
