"""Files that begin again at their end, for a measurement that takes longer than they do; live sources as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.preprocess import WindowSteps
from edge_sdk.runtime.feed import Feed, open_feeds
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.sources import Source, open_source


def open_endless(uris: Sequence[str], *, window: WindowSteps | None = None) -> list[Feed]:
    """Open sources as `open_feeds` does, of which the files begin again at their end.

    Args:
        uris: See `open_source`.
        window: How the model takes rows of sensor values.

    Raises:
        InputError: An address is wrong.
        UnavailableError: None of them is there.
    """
    feeds = open_feeds(uris, window=window)
    return [
        feed
        if feed.source.live
        else replace(feed, source=Endless(feed.source, partial(open_source, uri, window=window)))
        for uri, feed in zip(uris, feeds, strict=True)
    ]


class Endless:
    """A file that begins again; its numbers and times go on. One that gives nothing ends."""

    live = False

    def __init__(self, source: Source, reopen: Callable[[], Source]) -> None:
        """Begin with an opened source.

        Args:
            source: The source.
            reopen: Opens it again.
        """
        self.name, self.fps = source.name, source.fps
        self._source, self._reopen = source, reopen
        self._first_seq, self._first_ns = 0, 0
        self._last: tuple[int, int] | None = None  # number and time of the last sample since it began

    def read(self) -> Sample | None:
        """Return the next sample; see `Source.read`."""
        sample = self._source.read()
        if sample is None and self._last is not None:
            self._begin_again(*self._last)
            sample = self._source.read()
        if sample is None:
            return None
        seq, captured_ns = self._first_seq + sample.seq, self._first_ns + sample.captured_ns
        self._last = seq, captured_ns
        return replace(sample, seq=seq, captured_ns=captured_ns)

    def close(self) -> None:
        """Close it."""
        self._source.close()

    def _begin_again(self, last_seq: int, last_ns: int) -> None:
        self._source.close()
        try:
            self._source = self._reopen()
        except InputError as exc:
            raise UnavailableError(f"{self.name}: expected to begin again, got {exc}") from exc
        self._first_seq, self._first_ns = last_seq + 1, last_ns + round(1e9 / (self.fps or 1.0))
        self._last = None
