"""What a source really gives, read for two seconds in a child, against what it promises; and why it is less.

The rate is that of the stamps of capture, after a while in which cameras find their exposure.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_sdk.clock import monotonic_ns
from edge_sdk.doctor.cameras import holders, usb_mbit
from edge_sdk.doctor.child import ask_child, receive, send
from edge_sdk.doctor.record import Finding, Subject
from edge_sdk.errors import EdgeError, InputError
from edge_sdk.package import open_package
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.sources import SENSORS, Source, open_source
from edge_sdk.runtime.sources.identity import find_camera, list_cameras
from edge_sdk.runtime.sources.internet import split_login

_SETTLE_S, _MEASURE_S = 0.5, 2.0
_LIMIT_S = 60.0
_ENOUGH = 0.9
_USB_2_MBIT, _USB_2_BYTES_PER_S = 480.0, 35e6
_PIXEL_BYTES = {"YUYV": 2.0, "UYVY": 2.0, "BGR3": 3.0, "RGB3": 3.0, "NV12": 1.5, "GREY": 1.0}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source gave.

    Attributes:
        live: Whether time goes on while nobody reads.
        samples: How many came.
        span_s: From the first to the last one, in seconds.
        lost: How many the driver lost between them.
        broken: How many could not be used.
        promised_fps: What it claims; 0 if it does not say.
        mode: Pixel format and size, where it tells.
        shape: Of a sample.
    """

    live: bool
    samples: int
    span_s: float
    lost: int
    broken: int
    promised_fps: float
    mode: str = ""
    shape: str = ""


def check_sources(subject: Subject) -> Iterator[Finding]:
    """Read each source that was named, and each camera if all are to be opened."""
    cameras = [node.uri for node in list_cameras()] if subject.opens_cameras else []
    for uri in dict.fromkeys((*subject.sources, *cameras)):
        name = f"reading {_shown(uri)}"
        if uri.partition(":")[0] in SENSORS and subject.package is None:
            yield Finding(
                name, "not here", "a sensor is read as its package wants it", "edge-sdk doctor PACKAGE --source …"
            )
        else:
            question = {"uri": uri, "package": str(subject.package or "")}
            yield from ask_child(name, "reading", question, limit_s=_LIMIT_S, library="cv2")


def answer() -> None:
    """Read a source: what the child does."""
    question = receive()
    uri = question["uri"]
    name, path = f"reading {_shown(uri)}", _device(uri)
    try:
        package = open_package(Path(question["package"])) if question["package"] else None
        window = package.manifest.preprocess.window if package else None
        with closing(open_source(uri, window=window)) as source:
            send(judge(name, measure(source), usb_mbit(path, Path("/")) if path else None))
    except EdgeError as exc:
        users = holders(path, Path("/")) if path else ""
        said = str(exc).removeprefix(f"{_shown(uri)}: ") + (f"; {users} has it" if users else "")
        send(Finding(name, "failed", said, f"stop {users}" if users else exc.hint))


def measure(source: Source, *, settle_s: float = _SETTLE_S, measure_s: float = _MEASURE_S) -> Reading:
    """Read a source for a while.

    Args:
        source: The source, opened.
        settle_s: How long a live one is read before it counts.
        measure_s: How long it counts.

    Raises:
        UnavailableError: It is gone.
    """
    start_ns = monotonic_ns() + int(settle_s * 1e9 if source.live else 0)
    end_ns, broken = start_ns + int(measure_s * 1e9), 0
    first: Sample | None = None
    last: Sample | None = None
    samples = 0
    while monotonic_ns() < end_ns:
        try:
            sample = source.read()
        except InputError:
            broken += 1
            continue
        if sample is None:
            break
        if monotonic_ns() >= start_ns:
            first, last, samples = first or sample, sample, samples + 1
    if first is None or last is None:
        return Reading(source.live, 0, 0.0, 0, broken, source.fps)
    return Reading(
        source.live,
        samples,
        (last.captured_ns - first.captured_ns) / 1e9,
        max(0, last.seq - first.seq + 1 - samples - broken),
        broken,
        source.fps,
        mode=str(getattr(source, "mode", "")).partition(" at ")[0],
        shape="x".join(map(str, last.data.shape)) if isinstance(last.data, np.ndarray) else "",
    )


def judge(name: str, reading: Reading, mbit: float | None = None) -> Finding:
    """Judge what a source gave.

    Args:
        name: What the finding is called.
        reading: What it gave.
        mbit: How fast its USB port is; None if it is at none.
    """
    what = reading.mode or reading.shape
    if not reading.samples:
        return Finding(
            name, "failed", f"nothing that can be used, {reading.broken} broken", "look at the file or the cable"
        )
    if not reading.live:
        said = f"{reading.samples} samples of {what}, {reading.broken} broken"
        return Finding(name, "warning" if reading.broken else "ok", said)
    fps = (reading.samples - 1) / reading.span_s if reading.span_s > 0 else 0.0
    promised = f" of {reading.promised_fps:g}" if reading.promised_fps else ""
    said = f"{what}: {fps:.1f}{promised} frames a second, {reading.lost} lost, {reading.broken} broken".removeprefix(
        ": "
    )
    if fps >= _ENOUGH * reading.promised_fps and not reading.lost and not reading.broken:
        return Finding(name, "ok", said)
    cause, cure = _cause(reading, mbit)
    return Finding(name, "warning", f"{said}: {cause}", cure)


def _cause(reading: Reading, mbit: float | None) -> tuple[str, str]:
    fourcc, _, size = reading.mode.partition(" ")
    if reading.broken:
        return "the cable, the hub or the supply", "another cable, a port of the board itself, a stronger supply"
    if fourcc in _PIXEL_BYTES and mbit is not None and mbit <= _USB_2_MBIT:
        width, _, height = size.partition("x")
        if int(width) * int(height) * _PIXEL_BYTES[fourcc] * reading.promised_fps > _USB_2_BYTES_PER_S:
            return f"{fourcc} is more than USB 2 carries", "ask for JPEG, or for less: ?fourcc=MJPG"
    if reading.lost:
        return (
            "frames came faster than they were taken",
            "stop other programs, or ask for less: ?fps=15, ?width=640&height=480",
        )
    return (
        "most often too little light, for which a camera exposes longer",
        "more light, or v4l2-ctl -c exposure_dynamic_framerate=0 (older kernels: exposure_auto_priority=0)",
    )


def _shown(uri: str) -> str:
    """Return an address without what may be secret."""
    return split_login(uri).name if "://" in uri else uri.partition("?")[0]


def _device(uri: str) -> Path | None:
    """Return the node of a camera; None of other sources, and where it is not there."""
    place = uri.partition("?")[0].removeprefix("camera:")
    if place == uri.partition("?")[0] and not place.startswith("/dev/video"):
        return None
    with suppress(EdgeError):
        return find_camera(place, where=place, nodes=list_cameras)
    return None
