"""A source as a run takes it: opened, with the way to open it again, and with what decides which samples count."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from edge_sdk.errors import UnavailableError
from edge_sdk.preprocess import WindowSteps
from edge_sdk.runtime.accounting import Cause
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.sources import Source, open_source

Gate = Callable[[Sample], Cause | None]
"""Says of each sample of one source why it is not worth the model, or None; called by the thread that reads."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A source as a run takes it.

    Attributes:
        source: The opened source; the run closes it.
        reopen: Opens it anew when it is gone; None where that is in vain, as for files.
        gate: Decides which samples are processed; None takes them all.

    Example:
        >>> Feed(open_source("camera:0"), gate=lambda sample: "slowed" if sample.seq % 2 else None)  # doctest: +SKIP
    """

    source: Source
    reopen: Callable[[], Source] | None = None
    gate: Gate | None = None


def open_feeds(uris: Sequence[str], *, window: WindowSteps | None = None) -> list[Feed]:
    """Open the sources of a run; live ones can be opened again.

    A live source that is not there now is no reason not to begin, as long as another one is: the run tries again.

    Args:
        uris: See `open_source`.
        window: How the model takes rows of sensor values.

    Raises:
        InputError: An address is wrong.
        UnavailableError: None of them is there.
    """
    feeds, absences = [], []
    with ExitStack() as opened:
        for uri in uris:
            reopen = partial(open_source, uri, window=window)
            try:
                source = reopen()
            except UnavailableError as exc:
                source = _Absent(_name(uri), exc)
                absences.append(exc)
            opened.callback(source.close)
            feeds.append(Feed(source, reopen if source.live else None))
        if len(absences) == len(feeds) and absences:
            raise absences[0]
        opened.pop_all()
    return feeds


class _Absent:
    """A source that is not there."""

    live = True
    fps = 0.0

    def __init__(self, name: str, absence: UnavailableError) -> None:
        self.name, self._absence = name, absence

    def read(self) -> Sample | None:
        raise self._absence

    def close(self) -> None:
        pass


def _name(uri: str) -> str:
    return re.sub(r"//[^/]*@", "//", uri).partition("#")[0] if "//" in uri else uri.partition("?")[0]
