"""The fleet's HTTPS server: enrolment, renewal, and the repository's files, for boards that reach it.

- `POST /v1/enrol` and `POST /v1/progress` with a claim's token; `POST /v1/renew` and `GET /repository/…` with a
  certificate of the fleet that is still believed: models are worth something, and nobody else may read them here.
- Requests are bounded in bytes, waits in seconds, connections in number, enrolments by address, and so, counted by
  themselves, what first boots tell.
- The handshake is the business of each connection's own thread: one that is slow keeps nobody waiting.
- Files are looked up by names that cannot lead outside; a range goes on where a fetch broke off.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from edge_sdk.errors import EdgeError, InputError, UnavailableError
from edge_sdk.fleet.enrolment import Enrolment
from edge_sdk.fleet.rate import Buckets, Rate
from edge_sdk.fleet.served_file import open_part
from edge_sdk.wire import decode, encode
from edge_sdk.wire.enrolment import MAX_ENROLMENT_BYTES, Certified, EnrolRequest, Progress

_log = logging.getLogger(__name__)
_TIMEOUT_S = 20.0
_MAX_CONNECTIONS = 200
_PIECE_BYTES = 1 << 16
_REPOSITORY = "/repository/"


@dataclass(frozen=True, slots=True)
class Serving:
    """What is served, and how.

    Attributes:
        port: Its port; 0 for any that is free.
        bind: The address it listens on; empty for all.
        identity: Folder with the server's `key.pem` and `certificate.pem`.
        authority: Folder with `ca.pem` and `crl.pem`.
        repository: Folder with `metadata` and `targets`.
        rate: How often an address may ask for a certificate, and so often may it tell of a first boot.
    """

    identity: Path
    authority: Path
    repository: Path
    port: int = 8443
    bind: str = ""
    rate: Rate = field(default_factory=Rate)


class FleetServer:
    """The server; it answers from `start` to `close`.

    Attributes:
        port: The port it listens on.
    """

    def __init__(self, serving: Serving, enrolment: Enrolment) -> None:
        """Listen; nobody is answered yet.

        Raises:
            InputError: A certificate cannot be read.
            UnavailableError: The port is taken.
        """
        self._gate = _Gate(serving)
        try:
            self._server = _Server((serving.bind, serving.port), self._gate, _Answers(serving, enrolment))
        except OSError as exc:
            raise UnavailableError(f"port {serving.port}: expected one that is free, got {exc.strerror}") from exc
        self.port = int(self._server.server_address[1])
        serve, often = self._server.serve_forever, {"poll_interval": 0.1}
        self._thread = threading.Thread(target=serve, kwargs=often, name="fleet-https", daemon=True)

    def __enter__(self) -> FleetServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_alive(self) -> bool:
        """Whether it answers; once it does not, this process has a fault."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Answer no more; connections that are open end with their thread."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Gate:
    """Who comes in: TLS 1.2 or newer; a certificate that is shown must be believed. Read anew when the list changes."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._turn = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self.context()

    def context(self) -> ssl.SSLContext:
        """Return the settings of a connection.

        Raises:
            InputError: A certificate cannot be read.
        """
        identity, authority = self._serving.identity, self._serving.authority
        wanted = (identity / "certificate.pem", identity / "key.pem", authority / "ca.pem", authority / "crl.pem")
        with self._turn:
            try:
                seen = tuple(path.stat().st_mtime_ns for path in wanted)
                if seen != self._seen:
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.minimum_version = ssl.TLSVersion.TLSv1_2
                    context.load_cert_chain(*wanted[:2])
                    for path in wanted[2:]:
                        context.load_verify_locations(path)
                    context.verify_mode = ssl.CERT_OPTIONAL
                    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
                    self._seen, self._context = seen, context
            except OSError as exc:  # ssl.SSLError is one
                raise InputError(f"{identity}: expected certificates and a key, got {exc}") from exc
            return self._context


class _Answers:
    """What is done for a request."""

    def __init__(self, serving: Serving, enrolment: Enrolment) -> None:
        self.repository = serving.repository
        self._enrolment = enrolment
        self._buckets, self._turn = {path: Buckets(serving.rate) for path in _BUCKETS.values()}, threading.Lock()

    def may_ask(self, address: str, path: str) -> bool:
        """Tell whether an address may ask this now."""
        with self._turn:
            return self._buckets[_BUCKETS[path]].take(address, now_s=time.monotonic())

    def enrol(self, body: bytes, _device: str) -> bytes:
        """Certify for a claim."""
        request = decode(EnrolRequest, body, where="request")
        return _certified(self._enrolment.certify(request, now_s=int(time.time())))

    def renew(self, body: bytes, device: str) -> bytes:
        """Certify for a certificate."""
        request = decode(EnrolRequest, body, where="request")
        if not device or request.device != device:
            raise InputError("certificate: expected that of the device, got another or none")
        return _certified(self._enrolment.renew(request, now_s=int(time.time())))

    def note(self, body: bytes, _device: str) -> bytes:
        """Keep how far a first boot has come."""
        self._enrolment.note(decode(Progress, body, where="progress"), now_s=int(time.time()))
        return _NOTED


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], gate: _Gate, answers: _Answers) -> None:
        self.gate, self.answers = gate, answers
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._room = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            request.settimeout(_TIMEOUT_S)
            with self.gate.context().wrap_socket(request, server_side=True) as encrypted:
                self.finish_request(encrypted, client_address)
        except (OSError, EdgeError) as exc:
            _log.info("%s: %s", client_address[0], exc)
        finally:
            self.shutdown_request(request)
            self._room.release()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection; one that TLS has taken over is closed already."""
        if request.fileno() != -1:
            super().shutdown_request(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "edge-sdk"
    sys_version = ""
    timeout = _TIMEOUT_S
    server: _Server
    connection: ssl.SSLSocket

    def do_GET(self) -> None:
        """Send a file of the repository, or the part of it that is asked for."""
        if not self.path.startswith(_REPOSITORY):
            return self._say(HTTPStatus.NOT_FOUND, "expected /repository/…")
        if not self._device():
            return self._say(HTTPStatus.UNAUTHORIZED, "expected a certificate of the fleet")
        try:
            part = open_part(
                self.server.answers.repository, self.path.removeprefix(_REPOSITORY), self.headers.get("Range", "")
            )
        except InputError as exc:
            return self._say(HTTPStatus.NOT_FOUND, str(exc))
        with part.file:
            self.send_response(part.status)
            for name, value in part.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self._send(part.file.fileno(), part.first, part.count)
        return None

    def do_HEAD(self) -> None:
        """Say how large a file is."""
        self.do_GET()

    def do_POST(self) -> None:
        """Certify, or keep what is told."""
        size_bytes = self.headers.get("Content-Length", "")
        if not size_bytes.isascii() or not size_bytes.isdigit() or int(size_bytes) > MAX_ENROLMENT_BYTES:
            return self._say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {MAX_ENROLMENT_BYTES} bytes")
        body, work = self.rfile.read(int(size_bytes)), _WORK.get(self.path)
        if work is None:
            return self._say(HTTPStatus.NOT_FOUND, f"expected {' or '.join(_WORK)}")
        if not self.server.answers.may_ask(self.client_address[0], self.path):
            return self._say(HTTPStatus.TOO_MANY_REQUESTS, "expected fewer requests")
        try:
            answer = work(self.server.answers, body, self._device())
        except InputError as exc:
            _log.warning("%s: %s refused: %s", self.client_address[0], self.path, exc)
            return self._say(HTTPStatus.FORBIDDEN, str(exc))
        except EdgeError as exc:
            _log.error("%s: %s", self.path, exc)
            return self._say(HTTPStatus.SERVICE_UNAVAILABLE, "try again later")
        return self._answer(HTTPStatus.OK, answer)

    def log_message(self, format: str, *values: Any) -> None:
        """Log what was asked."""
        _log.info("%s: %s", self.client_address[0], format % values)

    def _device(self) -> str:
        """Return the name in the certificate that the client has shown; empty for none."""
        shown: dict[str, Any] = self.connection.getpeercert() or {}
        names = [value for part in shown.get("subject", ()) for key, value in part if key == "commonName"]
        return names[0] if len(names) == 1 else ""

    def _say(self, status: HTTPStatus, error: str) -> None:
        self.close_connection = True  # a body that was not read would be taken for the next request
        self._answer(status, json.dumps({"error": error[:500]}).encode())

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send(self, file: int, first: int, count: int) -> None:
        while count:
            piece = os.pread(file, min(count, _PIECE_BYTES), first)
            if not piece:
                self.close_connection = True  # it became shorter meanwhile
                return
            self.wfile.write(piece)
            first, count = first + len(piece), count - len(piece)


def _certified(certificate: bytes) -> bytes:
    return encode(Certified(certificate.decode()))


_NOTED = b'{"schema":1}'
_WORK: dict[str, Callable[[_Answers, bytes, str], bytes]] = {
    "/v1/enrol": _Answers.enrol,
    "/v1/renew": _Answers.renew,
    "/v1/progress": _Answers.note,
}
_BUCKETS = {"/v1/enrol": "certificates", "/v1/renew": "certificates", "/v1/progress": "progress"}
"""Who counts together: many boards behind one address tell much, and none of them is to wait for its certificate."""
