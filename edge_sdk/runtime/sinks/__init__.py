"""Where results go: one file a kind of sink, one line in `SINKS`.

A sink is written as `kind:place?option=value&…`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.runtime.sinks.record import Sink
from edge_sdk.runtime.sources import Source
from edge_sdk.runtime.sources.record import Address, split_options

__all__ = ["SINKS", "Sink", "open_sink"]

SINKS: Mapping[str, str] = {
    "console": "console.Console",
    "jsonl": "jsonl.JsonLines",
    "keep": "keep.Keep",
    "mqtt": "mqtt.Mqtt",
    "mqtts": "mqtt.Mqtt",
    "none": "nothing.Nothing",
    "record": "recorder.Recorder",
    "video": "video.Video",
    "web": "web.Web",
}
"""File and class of each kind; only the chosen one is imported."""
_FORMS = (
    "console",
    "none",
    "jsonl:PATH",
    "jsonl:-",
    "mqtt://HOST/TOPIC",
    "video:PATH",
    "keep:FOLDER",
    "record:FOLDER",
    "web:PORT",
)
"""How they are written."""
_PLACELESS = {"console", "none"}


def open_sink(uri: str, source: Source) -> Sink:
    """Open a sink.

    Args:
        uri: Such as `mqtt://HOST/TOPIC` or `web:PORT`, some with options: `jsonl:PATH?max_mb=64&keep=4`.
        source: Where the samples come from, which says how fast and whether live.

    Raises:
        InputError: There is no such sink, or its place or an option is wrong.
        UnavailableError: It cannot be written.
    """
    kind, _, rest = uri.partition(":")
    place, options = (rest, {}) if Path(rest).exists() else split_options(rest)
    if kind not in SINKS or (kind in _PLACELESS) == bool(place):
        raise InputError(
            f"sink: expected {', '.join(_FORMS[:-1])} or {_FORMS[-1]}, got '{uri}'"
            + records.near_match(kind, list(SINKS))
        )
    file, _, name = SINKS[kind].partition(".")
    opener: Callable[[Address, Source], Sink] = getattr(import_module(f"{__name__}.{file}"), name)
    return opener(Address(uri, place, options), source)
