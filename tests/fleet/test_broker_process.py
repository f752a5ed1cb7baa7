"""Mosquitto as a child: what it reads again, when it is started again, and that it does not outlive us."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.fleet import broker_process
from edge_sdk.fleet.broker_config import Broker, write_broker
from edge_sdk.fleet.broker_process import BrokerProcess
from tests.fleet.conftest import NOW_S
from tests.fleet.hardened import Client, free_port, identity_of
from tests.mosquitto import _PATH

pytestmark = pytest.mark.skipif(shutil.which("mosquitto", path=_PATH) is None, reason="mosquitto is not installed")


@pytest.fixture
def broker(tmp_path, authority):
    broker = Broker(tmp_path / "broker", free_port(), "127.0.0.1", tmp_path.owner())
    write_broker(broker, authority, authority.server(["localhost", "127.0.0.1"], now_s=NOW_S), fleet="plant")
    return broker


def is_there(broker):
    with socket.socket() as asking:
        return not asking.connect_ex(("127.0.0.1", broker.port))


def until(is_so):
    end_s = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.05)


def test_who_is_revoked_is_cut_off_and_stays_outside(broker, authority, tmp_path):
    identities = {name: identity_of(authority, name, now_s=NOW_S) for name in ("press-4", "press-5")}

    def join(name):
        return Client(tmp_path / name, broker.port, identities[name], ca_pem=authority.ca_pem)

    with BrokerProcess(broker) as running:
        until(lambda: is_there(broker))
        with join("press-4") as device:
            authority.revoke("press-4", now_s=NOW_S)
            write_broker(broker, authority, None, fleet="plant")
            assert device.is_cut_off()
        until(lambda: running.starts == 2 and is_there(broker))
        with pytest.raises(OSError):
            join("press-4")
        with join("press-5") as other:
            assert other.paho.is_connected()
    assert not is_there(broker)


def test_a_broker_that_ends_is_started_again(broker):
    with BrokerProcess(broker) as running:
        until(lambda: is_there(broker))
        running._process.kill()
        until(lambda: running.starts == 2 and is_there(broker))


_SERVES = """
import sys
from pathlib import Path
from edge_sdk.fleet.broker_config import Broker
from edge_sdk.fleet.broker_process import BrokerProcess
with BrokerProcess(Broker(Path(sys.argv[1]), 0, "", "")):
    print("started", flush=True)
    sys.stdin.read()
"""


def test_it_does_not_outlive_who_started_it(broker):
    serving = subprocess.Popen(
        [sys.executable, "-c", _SERVES, broker.folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PATH": _PATH},
    )
    assert serving.stdout.readline() == "started\n"
    until(lambda: is_there(broker))
    serving.send_signal(signal.SIGKILL)
    serving.communicate()
    until(lambda: not is_there(broker))


def test_a_port_that_is_taken_is_told(broker):
    with BrokerProcess(broker):
        until(lambda: is_there(broker))
        with pytest.raises(
            UnavailableError, match=f"broker: expected port {broker.port} to be free, got Address already in use"
        ):
            BrokerProcess(broker).start()


def test_a_broker_that_ends_at_once_is_told(broker):
    (broker.folder / "mosquitto.conf").write_text("no_such_option 1\n")
    with pytest.raises(UnavailableError, match="broker: expected mosquitto to run, got exit code"):
        for _ in range(20):  # a slow machine may take longer than it is looked at
            with BrokerProcess(broker):
                pass


def test_a_machine_without_mosquitto_is_told(broker, monkeypatch):
    monkeypatch.setattr(broker_process, "_PATH", "/nowhere")
    with pytest.raises(InputError, match="broker: expected mosquitto, got none"):
        BrokerProcess(broker)
