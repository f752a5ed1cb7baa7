"""A real broker on a free port of this machine; tests that need it are skipped by name where it is not installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

_PATH = os.environ["PATH"] + os.pathsep + "/usr/sbin"


class Mosquitto:
    """Mosquitto, started and stopped by the test."""

    def __init__(self, folder, *lines):
        self.program = shutil.which("mosquitto", path=_PATH)
        if self.program is None:
            pytest.skip("mosquitto is not installed")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._config = Path(folder) / "mosquitto.conf"
        user = ["user root"] if os.geteuid() == 0 else []
        self._config.write_text(
            "\n".join([f"listener {self.port} 127.0.0.1", *user, *(lines or ["allow_anonymous true"])])
        )
        self._process = None

    def __enter__(self):
        self._process = subprocess.Popen(
            [self.program, "-c", self._config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(100):
            with socket.socket() as asking:
                if not asking.connect_ex(("127.0.0.1", self.port)):
                    return self
            time.sleep(0.05)
        raise AssertionError("mosquitto did not start")

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(10)

    def pause(self):
        """Let it hang: connections stay, and nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self):
        """Let it work again."""
        self._process.send_signal(signal.SIGCONT)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def publish(self, topic, *payloads, retain=False):
        """Publish messages, and wait until the broker has them."""
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        client = Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        for payload in payloads:
            client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)
        client.disconnect()
        client.loop_stop()

    def kept(self, topic):
        """Return the payload that the broker keeps for a topic (retained); None if there is none within a second."""
        from paho.mqtt import subscribe

        found = []
        receiving = threading.Thread(
            target=lambda: found.append(subscribe.simple(topic, hostname="127.0.0.1", port=self.port).payload),
            daemon=True,
        )
        receiving.start()
        receiving.join(1)
        return found[0] if found else None
