"""HTTP cameras: `http://camera/video.mjpg`, `http://camera/snapshot.jpg#fps=2`. What is answered says which kind it is.

- An endless answer of JPEG pictures is read here; one picture is asked for again and again; all else is FFmpeg's.
- Each wait has a limit in time, each picture one in bytes.
- Samples are stamped when they have arrived.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import cast
from urllib.error import HTTPError
from urllib.request import HTTPBasicAuthHandler, HTTPDigestAuthHandler, HTTPPasswordMgrWithDefaultRealm, build_opener

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.sources.internet import Login, split_login
from edge_sdk.runtime.sources.jpeg import Reduce, decode_jpeg
from edge_sdk.runtime.sources.multipart import MultipartReader
from edge_sdk.runtime.sources.network import NetworkStream, StreamOptions
from edge_sdk.runtime.sources.record import Address, Source

_CHUNK_BYTES = 64 << 10
_MOST_BYTES = 64 << 20
_LEAST_FPS = 0.1
_REFUSED = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """What the address may ask of an HTTP camera.

    Attributes:
        timeout_s: How long opening, and each read, waits.
        fps: How often a camera is asked that answers with one picture; at least once in 10 s.
        reduce: JPEG pictures are decoded so much smaller.
    """

    timeout_s: float = 5.0
    fps: float = 1.0
    reduce: Reduce = 1

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: A number is too small.
        """
        if not self.timeout_s > 0:
            raise InputError(f"timeout_s: expected more than 0, got {self.timeout_s}")
        if self.fps < _LEAST_FPS:
            raise InputError(f"fps: expected {_LEAST_FPS} or more, got {self.fps}")


def open_http(address: Address) -> Source:
    """Open an HTTP camera, or a recording on a web server.

    Raises:
        InputError: The address or an option is wrong.
        UnavailableError: There is no server, it refuses, or it says nothing in time.
    """
    login = split_login(address.place)
    options = address.read_options(HttpOptions, where=login.name)
    server = Server(login, options.timeout_s)
    answer = server.ask()
    kind, boundary = answer.headers.get_content_type(), answer.headers.get_boundary()
    if kind.startswith("multipart/") and boundary:
        return MjpegStream(answer, boundary, options, name=server.name)
    answer.close()
    if kind.startswith("image/"):
        return Snapshots(server, options)
    if options.reduce > 1:
        raise InputError(f"{server.name}: expected JPEG pictures for reduce={options.reduce}, got {kind}")
    return NetworkStream(address.place, StreamOptions(options.timeout_s, options.timeout_s), name=server.name)


class Server:
    """A server that is asked with user and password, by whichever way of asking it wants."""

    def __init__(self, login: Login, timeout_s: float) -> None:
        self.name, self._url, self._timeout_s = login.name, login.url, timeout_s
        passwords = HTTPPasswordMgrWithDefaultRealm()
        if login.user:
            passwords.add_password(None, login.url, login.user, login.password)
        self._opener = build_opener(HTTPBasicAuthHandler(passwords), HTTPDigestAuthHandler(passwords))

    def ask(self) -> HTTPResponse:
        """Return the server's answer, of which the head is read.

        Raises:
            InputError: The address is not one that can be asked for.
            UnavailableError: There is no server, it refuses, or it says nothing in time.
        """
        try:
            return cast(HTTPResponse, self._opener.open(self._url, timeout=self._timeout_s))
        except HTTPError as exc:
            exc.close()
            hint = "are user and password right?" if exc.code in _REFUSED else "is the address right?"
            raise UnavailableError(f"{self.name}: expected pictures, got {exc.code} {exc.reason}", hint=hint) from exc
        except (OSError, HTTPException) as exc:
            raise self.gone(exc) from exc
        except ValueError as exc:
            raise InputError(f"{self.name}: expected an address that can be asked for, got another") from exc

    def gone(self, exc: Exception) -> UnavailableError:
        """Return the error for a connection that failed."""
        reason = getattr(exc, "reason", exc)
        if isinstance(reason, TimeoutError):
            expected, got = f"a video stream within {self._timeout_s:g} s", "none"
        else:
            expected, got = "a video stream", getattr(reason, "strerror", None) or type(reason).__name__
        return UnavailableError(
            f"{self.name}: expected {expected}, got {got}", hint="is the camera on, and is the address right?"
        )


class MjpegStream:
    """An endless answer of JPEG pictures."""

    live = True
    fps = 0.0

    def __init__(self, answer: HTTPResponse, boundary: str, options: HttpOptions, *, name: str) -> None:
        """Take over an answer of which the head is read."""
        import cv2  # noqa: F401  before there are pictures: it takes a second on a small board

        self.name, self._options, self._answer = name, options, answer
        self._parts = MultipartReader(self._chunk, boundary, most_bytes=_MOST_BYTES)
        self._deadline_ns = 0
        self._next = 0

    def read(self) -> Sample | None:
        """Return the next picture; see `Source.read`."""
        self._deadline_ns = monotonic_ns() + round(self._options.timeout_s * 1e9)
        try:
            jpeg = self._parts.next_part()
        except TimeoutError as exc:
            raise self._gone(f"none for {self._options.timeout_s:g} s") from exc
        except (OSError, HTTPException, ValueError) as exc:  # reset, or closed by us
            raise self._gone("the end of the stream") from exc
        except InputError as exc:
            raise self._gone(f"an endless one ({exc})") from exc
        if jpeg is None:
            raise self._gone("the end of the stream")
        arrived_ns = monotonic_ns()
        seq, self._next = self._next, self._next + 1
        return _sample(jpeg, seq, arrived_ns, name=self.name, reduce=self._options.reduce)

    def close(self) -> None:
        """End the connection."""
        self._answer.close()

    def _chunk(self) -> bytes:
        if monotonic_ns() > self._deadline_ns:  # a server that says a little all the time
            raise TimeoutError
        return self._answer.read1(_CHUNK_BYTES)

    def _gone(self, got: str) -> UnavailableError:
        return UnavailableError(f"{self.name}: expected a frame, got {got}", hint="is the camera still reachable?")


class Snapshots:
    """A picture that is asked for again and again."""

    live = True

    def __init__(self, server: Server, options: HttpOptions) -> None:
        """Ask from now on."""
        self.name, self.fps = server.name, options.fps
        self._server, self._options = server, options
        self._due_ns = 0
        self._next = 0

    def read(self) -> Sample | None:
        """Return the picture of now, when it is due; see `Source.read`."""
        time.sleep(max(0, self._due_ns - monotonic_ns()) / 1e9)
        self._due_ns = monotonic_ns() + round(1e9 / self.fps)
        with self._server.ask() as answer:
            try:
                content = answer.read(_MOST_BYTES)
            except (OSError, HTTPException) as exc:
                raise self._server.gone(exc) from exc
        arrived_ns = monotonic_ns()
        seq, self._next = self._next, self._next + 1
        return _sample(content, seq, arrived_ns, name=self.name, reduce=self._options.reduce)

    def close(self) -> None:
        """There is nothing to give back."""


def _sample(jpeg: bytes, seq: int, arrived_ns: int, *, name: str, reduce: Reduce) -> Sample:
    try:
        picture = decode_jpeg(jpeg, reduce=reduce)
    except InputError as exc:
        raise InputError(f"{name} #{seq}: {exc}") from exc
    return Sample(picture, seq, captured_ns=arrived_ns, clock="arrival", source=name)
