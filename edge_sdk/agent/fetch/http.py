"""A repository behind HTTP or HTTPS: any static server will do; with ranges a fetch goes on where it broke off.

- 404 and 403 are the word that there is no such file; anything else that is not 200 or 206 is a fault of the server.
- Every answer is bounded in bytes, every wait in seconds; one that trickles is given up.
- Redirects are not followed: an address says where files are.
- Over TLS, the server's certificate must be of the fleet's authority; the device may show its own.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.wire.blocks import BLOCK_BYTES

_TIMEOUT_S = 20.0
_LEAST_BYTES_PER_S = 1000
"""Slower than this, on the whole, is as good as nothing: TUF's slow retrieval attack."""
_PIECE_BYTES = 1 << 16
_WAITS_BEFORE_ANSWER = 3
_MISSING = frozenset({403, 404})
_KEPT_IN_PATHS = "/%!$&'()*+,;=:@-._~"


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom to believe, and who we are.

    Attributes:
        ca: Certificates of the authorities that are believed, PEM; None for those of the system.
        certificate: Our own, PEM; None to show none.
        key: Its key, PEM.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return the settings of a connection: TLS 1.2 or newer.

        Raises:
            InputError: A file cannot be read.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as exc:
            raise InputError(f"tls: expected certificates and keys that can be read, got {exc}") from exc
        return context


class HttpSource:
    """A repository behind one address, or with addresses of their own for `metadata` and `targets`."""

    def __init__(
        self, address: str | Mapping[str, str], *, tls: Tls | None = None, timeout_s: float = _TIMEOUT_S
    ) -> None:
        """Take the address.

        Args:
            address: `http://HOST[:PORT][/PATH]`, with `metadata` and `targets` below; or one for each of these words.
            tls: For `https://`; without it, the system's authorities are believed.
            timeout_s: How long any single wait may be.

        Raises:
            InputError: It is no such address, or a certificate cannot be read.
        """
        words = ("metadata", "targets")
        self._places = (
            {word: _Place.parse(f"{address.rstrip('/')}/{word}") for word in words}
            if isinstance(address, str)
            else {word: _Place.parse(address[word].rstrip("/")) for word in words}
        )
        self._timeout_s = timeout_s
        is_encrypted = any(place.is_encrypted for place in self._places.values())
        self._context = (tls or Tls()).context() if is_encrypted else None

    def read(self, file: str, *, max_bytes: int) -> bytes | None:
        """Return a small file; None if the server says that there is no such file.

        Raises:
            UnavailableError: The server is not there, fails, is too slow, or gives more than `max_bytes`.
        """
        with self._get(file, {}) as answer:
            if answer.status in _MISSING:
                return None
            _check_status(file, answer, {http.client.OK})
            data = _Body(file, answer, self._timeout_s).take(max_bytes + 1)
            if len(data) > max_bytes:
                raise UnavailableError(f"{file}: expected at most {max_bytes} bytes, got more")
            if answer.length:
                raise UnavailableError(f"{file}: expected {answer.length} more bytes, got the end of the connection")
            return data

    def stream(self, file: str, *, size_bytes: int, first_block: int, count: int) -> Iterator[tuple[int, bytes]]:
        """Yield blocks of a file, in their order; a server without ranges is read from the start.

        Raises:
            UnavailableError: The server is not there, fails, is too slow, breaks off, or has no such file.
        """
        first = first_block * BLOCK_BYTES
        last = min(size_bytes, (first_block + count) * BLOCK_BYTES) - 1
        with self._get(file, {"Range": f"bytes={first}-{last}"}) as answer:
            _check_status(file, answer, {http.client.OK, http.client.PARTIAL_CONTENT})
            body = _Body(file, answer, self._timeout_s)
            if answer.status == http.client.OK:
                for _ in range(first_block):
                    body.take(BLOCK_BYTES)
            elif not answer.headers.get("Content-Range", "").startswith(f"bytes {first}-"):
                raise UnavailableError(f"{file}: expected bytes from {first} on, got others")
            for index in range(first_block, first_block + count):
                wanted = min(BLOCK_BYTES, last + 1 - index * BLOCK_BYTES)
                data = body.take(wanted)
                if len(data) < wanted:
                    raise UnavailableError(f"{file}: expected {wanted} bytes, got {len(data)} and the end")
                yield index, data

    @contextmanager
    def _get(self, file: str, headers: dict[str, str]) -> Iterator[http.client.HTTPResponse]:
        word, _, rest = file.partition("/")
        place = self._places[word]
        connection = place.connect(self._timeout_s, self._context)
        try:
            with _ended_after(connection, self._timeout_s * _WAITS_BEFORE_ANSWER):
                connection.request("GET", f"{place.path}/{quote(rest, safe=_KEPT_IN_PATHS)}", headers=headers)
                answer = connection.getresponse()
            yield answer
        except (OSError, http.client.HTTPException) as exc:
            got = str(exc) or type(exc).__name__
            raise UnavailableError(f"{place.host}:{place.port}: expected {file}, got {got}") from exc
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class _Place:
    host: str
    port: int
    path: str
    is_encrypted: bool

    @classmethod
    def parse(cls, address: str) -> _Place:
        try:
            parts = urlsplit(address)
            port = parts.port or {"http": 80, "https": 443}[parts.scheme]
            if not parts.hostname or parts.username or parts.query or parts.fragment:
                raise ValueError
        except (ValueError, KeyError) as exc:
            raise InputError(f"{address.rpartition('@')[2]}: expected http://HOST/PATH or https://HOST/PATH") from exc
        return cls(parts.hostname, port, parts.path, parts.scheme == "https")

    def connect(self, timeout_s: float, context: ssl.SSLContext | None) -> http.client.HTTPConnection:
        if self.is_encrypted:
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout_s, context=context)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout_s)


@contextmanager
def _ended_after(connection: http.client.HTTPConnection, limit_s: float) -> Iterator[None]:
    """End a connection whose handshake and headers take too long in all, however short each wait is.

    Raises:
        TimeoutError: It took too long; what came until then is not to be used.
    """
    is_over = threading.Event()

    def end() -> None:
        is_over.set()
        with suppress(OSError, AttributeError):  # not connected yet, or not any more
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(limit_s, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if is_over.is_set():
        raise TimeoutError(f"no answer within {limit_s:g} s")


def _check_status(file: str, answer: http.client.HTTPResponse, wanted: set[int]) -> None:
    if answer.status not in wanted:
        raise UnavailableError(f"{file}: expected it from the server, got status {answer.status}")


class _Body:
    """What a server gives, piece by piece, as long as it is fast enough."""

    def __init__(self, file: str, answer: http.client.HTTPResponse, timeout_s: float) -> None:
        self._file, self._answer, self._grace_s = file, answer, timeout_s
        self._start_s, self._got_bytes = time.monotonic(), 0

    def take(self, size_bytes: int) -> bytes:
        """Return the next bytes; fewer at the end.

        Raises:
            UnavailableError: They come too slowly.
        """
        pieces: list[bytes] = []
        while size_bytes and (piece := self._answer.read1(min(size_bytes, _PIECE_BYTES))):
            pieces.append(piece)
            size_bytes -= len(piece)
            self._got_bytes += len(piece)
            took_s = time.monotonic() - self._start_s
            if took_s > self._grace_s + self._got_bytes / _LEAST_BYTES_PER_S:
                got = f"{self._got_bytes} bytes in {took_s:.0f} s"
                raise UnavailableError(f"{self._file}: expected {_LEAST_BYTES_PER_S} bytes a second or more, got {got}")
        return b"".join(pieces)
