"""Where results go: one file a kind of sink, one line in `SINKS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.runtime.sinks.record import Sink
from edge_sdk.runtime.sources import Source

__all__ = ["SINKS", "Sink", "open_sink"]

SINKS: Mapping[str, str] = {
    "console": "console.Console",
    "jsonl": "jsonl.JsonLines",
    "none": "nothing.Nothing",
    "video": "video.Video",
}
"""File and class of each kind; only the chosen one is imported."""
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
    file, _, name = SINKS[kind].partition(".")
    opener: Callable[[str, Source], Sink] = getattr(import_module(f"{__name__}.{file}"), name)
    return opener(place, source)
