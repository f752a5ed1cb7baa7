"""The web server: a page, its pictures and figures, metrics, and whether the run is healthy.

    /             the page                          /picture.jpg?source=0   the last picture
    /status.json  what the page shows               /stream.mjpg?source=0   pictures as they come (multipart MJPEG)
    /metrics      for Prometheus                    /health                 200 while results come, else 503

- It reads, it never writes: there is nothing to post.
- Connections are few and bounded, and one that does not take what it asked for is cut after ten seconds.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from edge_sdk import records
from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import UnavailableError
from edge_sdk.runtime.exposition import CONTENT_TYPE, exposition
from edge_sdk.runtime.record import RunReport
from edge_sdk.runtime.sinks.web.access import COOKIE, Access
from edge_sdk.runtime.sinks.web.page import PAGE, POLICY
from edge_sdk.runtime.sinks.web.views import Seen, View
from edge_sdk.runtime.thrift.board import read_board
from edge_sdk.runtime.usage import usage

_MOST_CONNECTIONS = 32
_PATIENCE_S = 10.0
_FRESH_S = 10.0
_BOUNDARY = "edge-sdk-frame"


class Server(ThreadingHTTPServer):
    """The server, listening from its making on.

    Attributes:
        url: Where it is.
        access: Who may look.
        fps: Pictures a second to each who watches, at most.
        names: The sources, in the order of their views.
        views: What they show.
        report: Gives the run's report; None before there is a run.
        is_closing: Whether streams are to end.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 16

    def __init__(self, address: tuple[str, int], access: Access, *, fps: float, where: str) -> None:
        """Listen.

        Raises:
            UnavailableError: The address is taken, or not this machine's.
        """
        self.access, self.fps = access, fps
        self.names: Sequence[str] = ()
        self.views: Sequence[View] = ()
        self.report: Callable[[], RunReport] | None = None
        self.is_closing = False
        self._free = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        try:
            super().__init__(address, _Handler)
        except OSError as exc:
            raise UnavailableError(
                f"{where}: expected an address to listen on, got {exc.strerror or exc}",
                hint="is another program listening there? web:0 takes any free port",
            ) from exc
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        self.url = f"http://{host}:{self.server_address[1]}/"
        self._thread = threading.Thread(target=self.serve_forever, name=f"web {self.url}", daemon=True)
        self._thread.start()

    def show(self, names: Sequence[str], views: Sequence[View], report: Callable[[], RunReport] | None = None) -> None:
        """Show these sources from now on."""
        self.names, self.views, self.report = names, views, report

    def close(self) -> None:
        """Listen no more; closing twice is harmless."""
        if not self.is_closing:
            self.is_closing = True
            self.shutdown()
            self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own, if there are not too many."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection; the thread of it."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a connection that broke: whoever looked is gone."""

    def status(self) -> dict[str, Any]:
        """Return what the page shows, for `records.to_data`."""
        seen = [view.seen for view in self.views]
        sources = [
            {"name": name, "last": None if one is None else one.to_data()}
            for name, one in zip(self.names, seen, strict=True)
        ]
        return {"sources": sources, "report": None if self.report is None else self.report()}

    def is_healthy(self) -> bool:
        """Tell whether a result has come in the last ten seconds, of any source."""
        taken = [view.seen.taken_ns for view in self.views if view.seen is not None]
        return bool(taken) and (monotonic_ns() - max(taken)) / 1e9 < _FRESH_S


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "edge-sdk"
    sys_version = ""
    timeout = _PATIENCE_S

    def do_GET(self) -> None:
        """Answer."""
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        refusal = self.server.access.refusal(headers, query.get("token", ""))
        answer = _ANSWERS.get(parts.path)
        if refusal:
            self._send(HTTPStatus.FORBIDDEN, "text/plain; charset=utf-8", refusal.encode() + b"\n")
        elif answer is None:
            self._send(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"nothing here\n")
        else:
            answer(self, query)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a page that is open asks every second."""

    def page(self, query: dict[str, str]) -> None:
        """Send the page; the token stays in the browser as a cookie."""
        extra = {"Content-Security-Policy": POLICY}
        if self.server.access.token and "token" in query:
            extra["Set-Cookie"] = f"{COOKIE}={self.server.access.token}; HttpOnly; SameSite=Strict; Path=/"
        self._send(HTTPStatus.OK, "text/html; charset=utf-8", PAGE.encode(), extra)

    def status(self, _: dict[str, str]) -> None:
        """Send what the page shows."""
        data = json.dumps(records.to_data(self.server.status()), ensure_ascii=False).encode(errors="backslashreplace")
        self._send(HTTPStatus.OK, "application/json", data)

    def metrics(self, _: dict[str, str]) -> None:
        """Send the metrics."""
        if self.server.report is None:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", b"no run yet\n")
            return
        self._send(HTTPStatus.OK, CONTENT_TYPE, exposition(self.server.report(), usage(), read_board()).encode())

    def health(self, _: dict[str, str]) -> None:
        """Send whether results come."""
        healthy = self.server.is_healthy()
        status = HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE
        told = b"results come\n" if healthy else b"no result for 10 s\n"
        self._send(status, "text/plain; charset=utf-8", told)

    def picture(self, query: dict[str, str]) -> None:
        """Send the last picture of a source."""
        view = self._view(query)
        seen = None if view is None else view.wait(0, timeout_s=_PATIENCE_S / 2)
        if view is None or seen is None or not seen.has_picture:
            self._send(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"no picture\n")
            return
        self._send(HTTPStatus.OK, "image/jpeg", view.jpeg(seen))

    def stream(self, query: dict[str, str]) -> None:
        """Send the pictures of a source as they come, until nobody takes them."""
        view = self._view(query)
        if view is None:
            self._send(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"no such source\n")
            return
        self.close_connection = True
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        number, next_ns = 0, monotonic_ns()
        while not self.server.is_closing:
            seen = view.wait(number, timeout_s=0.5)
            if seen is None or not seen.has_picture:
                continue
            self._send_frame(view, seen)
            number, next_ns = seen.number, next_ns + round(1e9 / self.server.fps)
            time.sleep(max(0.0, (next_ns - monotonic_ns()) / 1e9))
            next_ns = max(next_ns, monotonic_ns())

    def _send_frame(self, view: View, seen: Seen) -> None:
        data = view.jpeg(seen)
        head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        self.wfile.write(head.encode() + data + b"\r\n")

    def _view(self, query: dict[str, str]) -> View | None:
        number = query.get("source", "0")
        if not number.isdecimal() or int(number) >= len(self.server.views):
            return None
        return self.server.views[int(number)]

    def _send(self, status: HTTPStatus, kind: str, data: bytes, extra: dict[str, str] | None = None) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(data)), "Cache-Control": "no-store"}
        for name, value in {**headers, "X-Content-Type-Options": "nosniff", **(extra or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


_ANSWERS: dict[str, Callable[[_Handler, dict[str, str]], None]] = {
    "/": _Handler.page,
    "/health": _Handler.health,
    "/metrics": _Handler.metrics,
    "/picture.jpg": _Handler.picture,
    "/status.json": _Handler.status,
    "/stream.mjpg": _Handler.stream,
}
