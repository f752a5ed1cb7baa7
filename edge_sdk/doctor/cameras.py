"""The cameras that are there: how a source names them, what they offer, and who has them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from edge_sdk.doctor.record import Finding, Subject
from edge_sdk.runtime.sources.identity import Node, list_cameras
from edge_sdk.runtime.sources.v4l2.device import Device, DeviceFile
from edge_sdk.runtime.sources.v4l2.modes import decoded_fourccs
from edge_sdk.runtime.sources.v4l2.offers import describe_offers, read_fourccs

_NODES = "sys/class/video4linux"


def check_cameras(subject: Subject) -> Iterator[Finding]:
    """Tell what each camera offers."""
    nodes = list_cameras(sysfs=subject.root / _NODES)
    if not nodes:
        yield Finding("cameras", "not here", "none of V4L2 is connected")
    for node in nodes:
        yield judge(node, DeviceFile, subject.root)


def judge(node: Node, open_device: Callable[[Path], Device], root: Path) -> Finding:
    """Tell what a camera offers.

    Args:
        node: The camera.
        open_device: Opens its node.
        root: Where /proc is.
    """
    try:
        with closing(open_device(node.path)) as device:
            fourccs = read_fourccs(device)
            offers, ours = describe_offers(device, fourccs, with_rates=True), decoded_fourccs(device)
    except OSError as exc:
        said, cure = f"{node.card}, {node.path}: {exc.strerror}", "see 'may use cameras', and lsusb"
        return Finding(node.uri, "warning", said, cure)
    said = f"{node.card}, {node.path}: {offers}"
    if users := holders(node.path, root):
        return Finding(node.uri, "warning", f"{said}; in use by {users}", f"stop {users} before a run")
    if not ours:
        return Finding(node.uri, "ok", f"{said}; OpenCV decodes these, which does not tell lost frames")
    return Finding(node.uri, "ok", said)


def holders(path: Path, root: Path) -> str:
    """Return which other processes have a device open, such as `ffmpeg (812)`; those of other users only root sees.

    Args:
        path: The device.
        root: Where /proc is.
    """
    ours = {os.getpid(), os.getppid()}
    found = {}
    for link in root.glob("proc/[0-9]*/fd/*"):
        process = link.parent.parent
        if int(process.name) not in ours and _target(link) == str(path):
            found[int(process.name)] = _text(process / "comm")
    return ", ".join(f"{name} ({number})" for number, name in sorted(found.items()))


def usb_mbit(path: Path, root: Path) -> float | None:
    """Return how fast a camera's USB port is, in Mbit/s; None if it is at none."""
    device = (root / _NODES / path.name / "device").resolve()
    speed = next((up / "speed" for up in (device, *device.parents) if (up / "speed").exists()), None)
    return float(speed.read_text()) if speed else None


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:  # closed meanwhile, or another user's
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return "a process"
