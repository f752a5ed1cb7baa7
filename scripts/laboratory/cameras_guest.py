"""In the emulated machine: our capture on the kernel's own test camera, vivid, with each fault that it can make.

The first camera keeps a picture in one plane, the second in several.
"""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import EdgeError, InputError
from edge_sdk.runtime import open_source
from edge_sdk.runtime.sources.identity import list_cameras
from scripts.laboratory.telling import tell

SMALL = "width=320&height=180"
FORMATS = ("BGR3", "RGB3", "YUYV", "NV12", "GREY")


def control(setting: str) -> None:
    """Set a control of the first camera."""
    subprocess.run(["v4l2-ctl", "-d", "/dev/video0", "-c", setting], check=True)


def read(uri: str, count: int) -> dict[str, Any]:
    """Read frames; tell what they say about themselves, and what was refused."""
    started_ns = monotonic_ns()
    with closing(open_source(uri)) as source:
        opened_ns = monotonic_ns()
        numbers, times, ages_ms, clocks, broken, shape = [], [], [], set(), [], None
        for _ in range(count):
            try:
                sample = source.read()
            except InputError as exc:
                broken.append(str(exc))
                continue
            assert sample is not None and isinstance(sample.data, np.ndarray)
            numbers.append(sample.seq)
            times.append(sample.captured_ns)
            ages_ms.append((monotonic_ns() - sample.captured_ns) / 1e6)
            clocks.add(sample.clock)
            shape = sample.data.shape
        return {
            "open_ms": (opened_ns - started_ns) / 1e6,
            "claimed_fps": source.fps,
            "fps": (numbers[-1] - numbers[0]) * 1e9 / (times[-1] - times[0]),
            "numbers": numbers,
            "age_ms": float(np.median(ages_ms)),
            "clocks": sorted(clocks),
            "broken": broken,
            "shape": shape,
        }


def refused(action: Callable[[], Any]) -> dict[str, Any]:
    """Return which error an action ends with, and after how long."""
    start_s = time.monotonic()
    try:
        action()
    except EdgeError as exc:
        took_s = time.monotonic() - start_s
        return {"error": type(exc).__name__, "says": str(exc), "hint": exc.hint, "took_s": round(took_s, 3)}
    return {"error": "none"}


def until_refused(uri: str, setting: str) -> dict[str, Any]:
    """Read a frame, make a fault, and read on until the source gives up."""
    with closing(open_source(uri)) as source:
        source.read()
        control(setting)

        def read_on() -> None:
            for _ in range(100):
                source.read()

        return refused(read_on)


def pictures() -> dict[str, float]:
    """Return how far each pixel format's picture is from the first one's, in grey levels (grey: its brightness)."""
    control("osd_text_mode=2")
    found = {}
    for fourcc in FORMATS:
        with closing(open_source(f"camera:0?{SMALL}&fourcc={fourcc}")) as source:
            sample = source.read()
        assert sample is not None and isinstance(sample.data, np.ndarray)
        found[fourcc] = sample.data.astype(float)
    return {fourcc: float(np.abs(picture - found["BGR3"]).mean()) for fourcc, picture in found.items()}


def exposure() -> dict[str, Any]:
    """Let the driver stamp frames at the start of their exposure."""
    control("timestamp_source=1")
    try:
        return read(f"camera:0?{SMALL}&fps=30", 10)
    finally:
        control("timestamp_source=0")


def busy() -> dict[str, Any]:
    """Open a camera that another one reads."""
    with closing(open_source(f"camera:0?{SMALL}")):
        return refused(lambda: open_source(f"camera:0?{SMALL}"))


def lost(percent: int) -> dict[str, Any]:
    """Let the driver lose frames."""
    control(f"percentage_of_dropped_buffers={percent}")
    try:
        return read(f"camera:0?{SMALL}", 40)
    finally:
        control("percentage_of_dropped_buffers=0")


def broken() -> dict[str, Any]:
    """Let the driver mark a frame as broken."""
    with closing(open_source(f"camera:0?{SMALL}")) as source:
        source.read()
        control("inject_v4l2_buf_flag_error=1")
        told, numbers = [], []
        for _ in range(20):
            try:
                sample = source.read()
            except InputError as exc:
                told.append(str(exc))
                continue
            assert sample is not None
            numbers.append(sample.seq)
        return {"told": told, "numbers": numbers}


def steps() -> dict[str, Callable[[], Any]]:
    """Return what is tried, in order."""
    return {
        "cameras": lambda: [str(node) for node in list_cameras()],
        "usual": lambda: read("camera:0", 5),
        "small": lambda: read(f"camera:0?{SMALL}&fps=30", 30),
        "exposure": exposure,
        "pictures": pictures,
        "wrong size": lambda: refused(lambda: open_source("camera:0?width=641&height=361")),
        "wrong format": lambda: refused(lambda: open_source("camera:0?fourcc=MJPG")),
        "busy": busy,
        "lost": lambda: lost(30),
        "broken": broken,
        "queue error": lambda: until_refused(f"camera:0?{SMALL}", "inject_fatal_streaming_error=1"),
        "opened again": lambda: read(f"camera:0?{SMALL}", 5),
        "planes": lambda: read(f"camera:1?{SMALL}", 5),
        "planes refused": lambda: refused(lambda: open_source(f"camera:1?{SMALL}&backend=v4l2")),
        "opencv": lambda: read(f"camera:0?{SMALL}&fps=30&backend=opencv", 30),
        "unplugged": lambda: until_refused(f"camera:0?{SMALL}", "disconnect=1"),
        "plugged in": lambda: read(f"camera:0?{SMALL}", 5),
    }


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    tell(steps())
