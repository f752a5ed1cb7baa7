"""A whole fleet of one board: a hardened Mosquitto, the fleet's HTTPS server, and a real agent with its worker."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

from edge_sdk.agent.enrol import accept, request
from edge_sdk.agent.kept import Kept
from edge_sdk.agent.slots import Slots
from edge_sdk.broker import Access
from edge_sdk.broker.address import Broker
from edge_sdk.broker.happening import Connected, Received
from edge_sdk.broker.link import Link
from edge_sdk.broker.record import LinkOptions
from edge_sdk.fleet.desk import desk_address, desk_options
from edge_sdk.fleet.folder import Fleet, Settings
from edge_sdk.fleet.ingest import Ingest, subscriptions
from edge_sdk.fleet.repository.keys import read_key
from edge_sdk.fleet.repository.releases import add_release, assign
from edge_sdk.fleet.server import FleetServer
from edge_sdk.fleet.store import Store
from edge_sdk.wire import Channel, Place, decode, encode
from edge_sdk.wire.enrolment import Membership
from edge_sdk.wire.messages import Commands, CommandStates, Desired, Reported, Status
from edge_sdk.wire.release import Gates
from tests.fleet.hardened import free_port, started
from tests.runtime.models import COLORS, card, write_clip
from tests.runtime.swap import candidates

PLACE = Place("plant", "press-4")
GATES = Gates(shadow_samples=5, shadow_s=20.0, min_agreement=0.9, trial_results=15, max_latency_ratio=50.0)
WAIT_S = 90.0
_WORKER = "edge_sdk.agent.worker"
RECORDS = {"status": Status, "reported": Reported, "command": CommandStates}


def make_board(folder, *, package=None, text=""):
    """Make a board's folder: a clip of all colours for a camera, and a package that it comes with."""
    folder.mkdir(parents=True, exist_ok=True)
    clip = write_clip(folder / "clip.mp4", [card(color) for color in COLORS] * 6, fps=20.0)
    (folder / "agent.toml").write_text(f'sources = ["{clip}?pace=real&repeat=1"]\n{text}')
    if package is not None:
        slots = Slots(folder)
        slots.install(slots.take(package), Kept("tiny-1"))
    return folder


class Agent:
    """`edge-sdk agent run`, as systemd starts it."""

    def __init__(self, folder, **environment):
        self.folder = folder
        self.log = (folder / "log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge_sdk.agent", str(folder)],
            stderr=self.log,
            env={**os.environ, **environment},
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(40)
        self.process.kill()
        self.process.wait()
        self.log.close()

    def end(self, number=signal.SIGTERM):
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(40)

    def workers(self):
        """Return the process ids of its children that run the model."""
        listed = subprocess.check_output(["ps", "-eo", "pid,ppid,args"], text=True).splitlines()
        rows = [line.split(maxsplit=2) for line in listed]
        return [int(pid) for pid, parent, command in rows if parent == str(self.process.pid) and _WORKER in command]


def document(folder, name, record):
    """Return a document of the state of a board whose agent runs; None if it has none."""
    with suppress(sqlite3.Error):
        database = sqlite3.connect(f"file:{folder}/state.db?mode=ro", uri=True, timeout=5)
        try:
            found = database.execute("SELECT value FROM document WHERE name = ?", (name,)).fetchone()
        finally:
            database.close()
        return decode(record, found[0], where=name) if found else None
    return None


def wait_for(look, *, that=lambda value: value, within_s=WAIT_S):
    """Look again and again until something holds, and return what was seen."""
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        seen = look()
        if seen is not None and that(seen):
            return seen
        time.sleep(0.1)
    raise AssertionError(f"not within {within_s} s; seen last: {seen}")


class Plant:
    """A fleet with a board."""

    def __init__(self, folder):
        self.folder = folder
        settings = Settings("plant", ("localhost", "127.0.0.1"), free_port(), free_port(), "127.0.0.1")
        self.fleet = Fleet.create(folder / "fleet", settings, now_s=int(time.time()))
        if os.geteuid() == 0:  # the broker's own user cannot read the folders of tests
            config = self.fleet.broker().folder / "mosquitto.conf"
            config.write_text(config.read_text().replace("user mosquitto\n", "user root\n"))
        self.offline = [read_key(path) for path in sorted(self.fleet.offline_keys.glob("*.pem"))]
        self.told = {}
        self._sent = 0

    @contextmanager
    def running(self):
        """Run broker and server, and listen to what the board says."""
        server = FleetServer(self.fleet.serving(), self.fleet.enrolment())
        with started(self.fleet.broker()) as self.broker, server, self._listening(), self._ingesting():
            yield self

    def enrol(self, board):
        """Make a board a member, by files."""
        asked = request(board, "press-4")
        certificate = self.fleet.authority().certify("press-4", asked, now_s=int(time.time())).decode()
        (self.folder / "membership.json").write_bytes(encode(Membership(self.fleet.home("press-4"), certificate)))
        accept(self.folder / "membership.json", board)

    def release(self, model, *, version, gates=GATES, golden_of=None, keys=None):
        """Release and assign a model."""
        path = candidates.write(self.folder / f"tiny-{version}.edge", model, golden_of=golden_of, version=version)
        repository = self.fleet.repository(keys if keys is not None else self.offline)
        add_release(repository, path, gates=gates)
        self.assign(f"tiny-{version}")

    def assign(self, release):
        made = assign(self.fleet.repository(), "devices", "press-4", release)
        self.say("desired", Desired(made.revision, release))

    def say(self, channel, message):
        self._link.publish(PLACE.down(channel), encode(message), retain=True)

    def command(self, *commands):
        self._sent += 1
        self.say("command", Commands(self._sent, commands))

    def hear(self, channel, *, that=lambda _: True):
        """Wait until what the board says last on a channel is so, and return it."""
        return wait_for(lambda: self.told.get(channel), that=that)

    @contextmanager
    def _ingesting(self):
        own, over = self.fleet.path / "ingest", threading.Event()
        access = Access(ca=str(own / "ca.pem"), certificate=str(own / "certificate.pem"), key=str(own / "key.pem"))
        options = LinkOptions("edge-sdk-ingest", subscriptions("plant"), access=access)
        broker = Broker("localhost", self.fleet.settings.broker_port, is_encrypted=True)
        with Store(self.folder / "results.db") as self.store, Link(broker, options) as link:
            ingesting = threading.Thread(target=Ingest(self.store, link).run, args=(over,), daemon=True)
            ingesting.start()
            yield
            over.set()
            ingesting.join(5)

    @contextmanager
    def _listening(self):
        over = threading.Event()
        connected = threading.Event()

        def listen():
            while not over.is_set():
                match self._link.next(timeout_s=0.1):
                    case Connected():
                        connected.set()
                    case Received(topic=topic, payload=payload, accept=accept_it):
                        channel = Channel.parse(topic).name
                        if channel in RECORDS and payload:
                            self.told[channel] = decode(RECORDS[channel], payload, where=topic)
                        accept_it()

        with Link(desk_address(self.fleet), desk_options(self.fleet)) as self._link:
            listening = threading.Thread(target=listen, daemon=True)
            listening.start()
            assert connected.wait(20)
            yield
            over.set()
            listening.join(5)


def log_of(board):
    """Return the log of a board's agent, to be shown by a test that fails."""
    return (board / "log").read_text(errors="replace")[-3000:] if (board / "log").exists() else ""
