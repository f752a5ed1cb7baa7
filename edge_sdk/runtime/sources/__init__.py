"""Where samples come from: one file a kind of source, one line in `SOURCES`.

A source is written as `scheme:place?option=value&…`; files, folders and devices also by their path alone. Behind an
Internet address the options stand after a `#`, which is never sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.media import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from edge_sdk.preprocess import WindowSteps
from edge_sdk.runtime.sources.record import Address, Source, split_options
from edge_sdk.runtime.sources.sensor import Sensor, SensorWindows

__all__ = ["SENSORS", "SOURCES", "Sensor", "Source", "open_sensor", "open_source"]

SOURCES: Mapping[str, str] = {
    "camera": "camera.open_camera",
    "csi": "csi.open_csi",
    "folder": "folder.Folder",
    "http": "http_camera.open_http",
    "https": "http_camera.open_http",
    "replay": "replay.Recording",
    "rtsp": "network.open_rtsp",
    "rtsps": "network.open_rtsp",
    "tensors": "tensors.TensorFile",
    "video": "video.Video",
}
"""File, and class or function in it, of each scheme of pictures and tensors; only the chosen one is imported."""
SENSORS: Mapping[str, str] = {
    "hwmon": "hwmon.open_hwmon",
    "i2c": "i2c.open_i2c",
    "iio": "iio.open_iio",
    "mic": "microphone.open_microphone",
    "mqtt": "mqtt.open_mqtt",
    "mqtts": "mqtt.open_mqtt",
    "rows": "rows.open_rows",
    "serial": "serial_port.open_serial",
    "thermal": "hwmon.open_thermal",
    "wav": "wav.open_wav",
}
"""File and opener of each scheme of sensors, whose rows are cut into the model's windows."""
_SECRETS = re.compile(r"//[^/]*@")
_BY_SUFFIX = {
    **dict.fromkeys(VIDEO_SUFFIXES, "video"),
    **dict.fromkeys(IMAGE_SUFFIXES, "folder"),
    ".npy": "tensors",
    ".npz": "tensors",
    ".csv": "rows",
    ".wav": "wav",
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
    scheme, address = _parse(uri, {**SOURCES, **SENSORS}, window=window)
    if scheme in SOURCES:
        opener: Callable[[Address], Source] = _load(SOURCES[scheme])
        return opener(address)
    if window is None:
        raise InputError(f"{uri}: expected a model that takes windows of rows, got one that does not")
    return SensorWindows(_open_sensor(scheme, address, window.columns), window)


def open_sensor(uri: str, columns: tuple[str, ...]) -> Sensor:
    """Open a sensor for its rows alone, such as those beside a camera's pictures (see `History`).

    Args:
        uri: Such as `iio:bmp280?rate_hz=10`.
        columns: Which values, in which order.

    Raises:
        InputError: The address is not understood, an option is wrong, or the sensor has no such column.
        UnavailableError: The sensor is not there now.
    """
    scheme, address = _parse(uri, SENSORS)
    return _open_sensor(scheme, address, columns)


def _open_sensor(scheme: str, address: Address, columns: tuple[str, ...]) -> Sensor:
    opener: Callable[[Address, tuple[str, ...]], Sensor] = _load(SENSORS[scheme])
    return opener(address, columns)


def _load(entry: str) -> Any:
    file, _, name = entry.partition(".")
    return getattr(import_module(f"{__name__}.{file}"), name)


def _parse(uri: str, schemes: Mapping[str, str], *, window: WindowSteps | None = None) -> tuple[str, Address]:
    scheme, place, options = _split(uri)
    if scheme not in schemes:
        shown = _SECRETS.sub("//", uri)
        raise InputError(
            f"source: expected one of {', '.join(sorted(schemes))}, a file or a folder, got '{shown}'"
            + records.near_match(scheme, list(schemes))
        )
    return scheme, Address(uri, place, options, window)


def _split(uri: str) -> tuple[str, str, Mapping[str, str]]:
    scheme, rest = match.groups() if (match := re.fullmatch(r"([a-z][a-z0-9]*):(.*)", uri)) else ("", uri)
    if rest.startswith("//"):
        return scheme, *split_options(uri, "#")  # an Internet address, whose question mark is its own
    if scheme and Path(uri).exists():
        scheme, rest = "", uri
    place, options = (rest, {}) if Path(rest).exists() else split_options(rest)
    return scheme or _kind_of(place), place, options


def _kind_of(place: str) -> str:
    if not place:
        return ""
    path = Path(place)
    if path.is_relative_to("/dev"):
        return "camera"
    suffix = path.suffix.lower().partition(":")[0]  # of `x.npz:key`
    return "folder" if path.is_dir() else _BY_SUFFIX.get(suffix, "")
