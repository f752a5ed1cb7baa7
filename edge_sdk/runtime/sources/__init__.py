"""Where samples come from: one file a kind of source, one line in `SOURCES`.

A source is written as `scheme:place?option=value&…`; files, folders and devices also by their path alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from urllib.parse import parse_qsl

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.media import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from edge_sdk.preprocess import WindowSteps
from edge_sdk.runtime.sources.record import Address, Source

__all__ = ["SOURCES", "Source", "open_source"]

SOURCES: Mapping[str, str] = {
    "camera": "camera.open_camera",
    "folder": "folder.Folder",
    "http": "network.NetworkStream",
    "https": "network.NetworkStream",
    "rows": "rows.Rows",
    "rtsp": "network.NetworkStream",
    "rtsps": "network.NetworkStream",
    "tensors": "tensors.TensorFile",
    "video": "video.Video",
}
"""File, and class or function in it, of each scheme; only the chosen one is imported."""
_BY_SUFFIX = {
    **dict.fromkeys(VIDEO_SUFFIXES, "video"),
    **dict.fromkeys(IMAGE_SUFFIXES, "folder"),
    ".npy": "tensors",
    ".npz": "tensors",
    ".csv": "rows",
}


def open_source(uri: str, *, window: WindowSteps | None = None) -> Source:
    """Open a source.

    Args:
        uri: Such as `camera:0?width=1280&height=720`, `rtsp://host/stream`, `clip.mp4`, `pictures/`, `log.csv`.
        window: How the model takes rows of sensor values (`manifest.preprocess.window`), for sources of rows.

    Raises:
        InputError: The address is not understood, an option is wrong, or a file is not there or not what it should be.
        UnavailableError: The camera or stream is not there now.
    """
    scheme, place, options = _split(uri)
    if scheme not in SOURCES:
        raise InputError(
            f"source: expected one of {', '.join(SOURCES)}, a file or a folder, got '{uri}'"
            + records.near_match(scheme, list(SOURCES))
        )
    file, _, name = SOURCES[scheme].partition(".")
    opener: Callable[[Address], Source] = getattr(import_module(f"{__name__}.{file}"), name)
    return opener(Address(uri, place, options, window))


def _split(uri: str) -> tuple[str, str, Mapping[str, str]]:
    scheme, rest = match.groups() if (match := re.fullmatch(r"([a-z]+):(.*)", uri)) else ("", uri)
    if rest.startswith("//"):
        return scheme, uri, {}  # an Internet address, whose question mark is its own
    if scheme and Path(uri).exists():
        scheme, rest = "", uri
    place, _, options = (rest, "", "") if Path(rest).exists() else rest.partition("?")
    return scheme or _kind_of(place), place, dict(parse_qsl(options, keep_blank_values=True))


def _kind_of(place: str) -> str:
    if not place:
        return ""
    path = Path(place)
    if path.is_relative_to("/dev"):
        return "camera"
    suffix = path.suffix.lower().partition(":")[0]  # of `x.npz:key`
    return "folder" if path.is_dir() else _BY_SUFFIX.get(suffix, "")
