"""A real Mosquitto with the configuration that a fleet gives it, and clients with certificates of the fleet."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge_sdk.fleet.authority import Identity
from tests.mosquitto import _PATH


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def started(broker):
    """Start a broker of a written folder; stop it at the end."""
    program = shutil.which("mosquitto", path=_PATH)
    if program is None:
        pytest.skip("mosquitto is not installed")
    process = subprocess.Popen(
        [program, "-c", broker.folder / "mosquitto.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        for _ in range(200):
            assert process.poll() is None, process.stderr.read()
            with socket.socket() as asking:
                if not asking.connect_ex(("127.0.0.1", broker.port)):
                    break
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)


def device_key():
    return ec.generate_private_key(ec.SECP256R1())


def request_of(device, key=None):
    """Return a certificate request for a name, PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)]) if device else x509.Name([])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key or device_key(), hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def identity_of(authority, device, *, now_s):
    """Enrol a device by its request."""
    key = device_key()
    pem = authority.certify(device, request_of(device, key), now_s=now_s)
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Identity(key_pem, pem)


class Client:
    """A client of the hardened broker; what it hears is in `heard`, by topic."""

    def __init__(self, folder, port, identity, *, client_id="", ca_pem):
        from paho.mqtt.client import Client as Paho
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        self.heard, self._answers, self._changed = [], {}, threading.Condition()
        self.paho = Paho(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ca.pem").write_bytes(ca_pem)
        context = ssl.create_default_context(cafile=folder / "ca.pem")
        if identity is not None:
            identity.write(folder)
            context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        self.paho.tls_set_context(context)
        self.paho.on_connect = lambda _c, _d, _f, reason, _p: self._told("connect", reason)
        self.paho.on_disconnect = lambda _c, _d, _f, _reason, _p: self._cut_off()
        self.paho.on_message = lambda _c, _d, message: self._heard(message)
        self.paho.on_publish = lambda _c, _d, mid, reason, _p: self._told(mid, reason)
        self.paho.on_subscribe = lambda _c, _d, mid, reasons, _p: self._told(mid, reasons[0])
        self.paho.connect("127.0.0.1", port)
        self.paho.loop_start()
        self.reason = str(self._answer("connect"))
        if self.reason != "Success":
            self.__exit__()
            raise ConnectionRefusedError(self.reason)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.paho.disconnect()
        self.paho.loop_stop()

    def publish(self, topic, payload=b"x", **how):
        """Publish; return what the broker says to it."""
        return str(self._answer(self.paho.publish(topic, payload, qos=1, **how).mid))

    def subscribe(self, topic):
        """Subscribe; return what the broker says to it."""
        return str(self._answer(self.paho.subscribe(topic, qos=1)[1]))

    def hears(self, topic):
        """Wait until something comes on a topic."""
        with self._changed:
            return self._changed.wait_for(lambda: topic in self.heard, 5)

    def is_cut_off(self):
        """Wait until the broker ends the connection."""
        return self._answer("end")

    def _cut_off(self):
        self._told("connect", "cut off")
        self._told("end", True)

    def _told(self, what, reason):
        with self._changed:
            self._answers.setdefault(what, reason)
            self._changed.notify_all()

    def _heard(self, message):
        with self._changed:
            self.heard.append(message.topic)
            self._changed.notify_all()

    def _answer(self, what):
        with self._changed:
            assert self._changed.wait_for(lambda: what in self._answers, 5), f"no answer to {what}"
            return self._answers[what]
