"""The sink: `web:8080`, `web:0.0.0.0:8080?token_file=secret`.

- It costs a run next to nothing while nobody looks: two references an outcome.
- It never blocks a run and never fails one: whoever looks is served by threads of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_sdk.errors import InputError
from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.record import RunReport
from edge_sdk.runtime.sinks.web.access import read_access
from edge_sdk.runtime.sinks.web.server import Server
from edge_sdk.runtime.sinks.web.views import View, view_of
from edge_sdk.runtime.sources import Source
from edge_sdk.runtime.sources.record import Address

_LOCAL = "127.0.0.1"
_MOST_PORTS = 65535
_MOST_QUALITY = 100


@dataclass(frozen=True, slots=True)
class WebOptions:
    """What the address may ask for.

    Attributes:
        token_file: A file with the secret that whoever looks must show; asked for where others can reach the address.
        width: Of the pictures, in pixels, at most.
        fps: Pictures a second to each who watches, at most.
        quality: Of their JPEG, 1 to 100.
    """

    token_file: str | None = None
    width: int = 640
    fps: float = 10.0
    quality: int = 75

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: A number is out of its range.
        """
        if self.width < 1 or not self.fps > 0:
            raise InputError(f"width, fps: expected more than 0, got {self.width} and {self.fps:g}")
        if not 1 <= self.quality <= _MOST_QUALITY:
            raise InputError(f"quality: expected 1 to {_MOST_QUALITY}, got {self.quality}")


class Web:
    """A small web server that shows the run.

    Attributes:
        name: What reports call it.
        url: Where it is, with the port that was really taken.
    """

    def __init__(self, address: Address, source: Source) -> None:
        """Begin to listen.

        Raises:
            InputError: The address or an option is wrong, or others could look without a secret.
            UnavailableError: The address is taken, or not this machine's.
        """
        options = address.read_options(WebOptions)
        host, port = _host_and_port(address)
        access = read_access(host, options.token_file, where=address.uri)
        self._options = options
        self._names: list[str] = [source.name]
        self._views = [self._view()]
        self._server = Server((host, port), access, fps=options.fps, where=address.uri)
        self._server.show(self._names, self._views)
        self.url = self._server.url
        self.name = f"web:{self.url}"

    def report_from(self, report: Callable[[], RunReport]) -> None:
        """Take what gives the run's report; see `Reporting.report_from`."""
        self._names = [source.name for source in report().sources]
        self._views = [self._view() for _ in self._names]
        self._server.show(self._names, self._views, report)

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Show an outcome in place of the last one of its source; see `Sink.write`."""
        self._views[view_of(outcome.source, self._names)].take(sample, outcome)

    def close(self) -> None:
        """Listen no more; see `Sink.close`."""
        self._server.close()

    def _view(self) -> View:
        return View(width=self._options.width, quality=self._options.quality)


def _host_and_port(address: Address) -> tuple[str, int]:
    host, _, port = address.place.rpartition(":")
    if not port.isdecimal() or int(port) > _MOST_PORTS:
        raise InputError(f"{address.uri}: expected web:PORT or web:HOST:PORT, got '{address.place}'")
    return host.strip("[]") or _LOCAL, int(port)
