"""Where results go: one file a kind of sink, one line in `SINKS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.runtime.sinks.console import Console
from edge_sdk.runtime.sinks.jsonl import JsonLines
from edge_sdk.runtime.sinks.nothing import Nothing
from edge_sdk.runtime.sinks.record import Sink
from edge_sdk.runtime.sinks.video import Video
from edge_sdk.runtime.sources import Source

__all__ = ["SINKS", "Sink", "open_sink"]

SINKS: Mapping[str, Callable[[str, Source], Sink]] = {
    "console": Console,
    "jsonl": JsonLines,
    "none": Nothing,
    "video": Video,
}
_PLACELESS = {"console", "none"}


def open_sink(uri: str, source: Source) -> Sink:
    """Open a sink.

    Args:
        uri: `console`, `none`, `jsonl:PATH`, `jsonl:-` or `video:PATH`.
        source: Where the samples come from, which says how fast and whether live.

    Raises:
        InputError: There is no such sink, or its place is wrong.
        UnavailableError: It cannot be written.
    """
    kind, _, place = uri.partition(":")
    if kind not in SINKS or (kind in _PLACELESS) == bool(place):
        raise InputError(
            f"sink: expected console, none, jsonl:PATH, jsonl:- or video:PATH, got '{uri}'"
            + records.near_match(kind, list(SINKS))
        )
    return SINKS[kind](place, source)
