"""Which camera: by its number, by its path, or by what it is, which stays wherever it is plugged in.

- `usb:VID:PID` and `usb:VID:PID:SERIAL` name the device itself. Where two fit, neither is taken.
- A path below /dev/v4l/by-id or by-path is made by udev, and stays with the device or with the port.
- A number, or /dev/video2, is whatever came there at this start.
- A device has several nodes, and not all give pictures (of other kinds: codecs, image processors, metadata): the driver
  is asked, not the number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.sources.v4l2 import layouts
from edge_sdk.runtime.sources.v4l2.device import DeviceFile

_USB = re.compile(r"usb:([0-9a-f]{4}:[0-9a-f]{4})(?::(.+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Node:
    """A node that gives pictures.

    Attributes:
        path: Such as /dev/video0.
        card: What the driver calls the camera.
        usb: `VID:PID` in lower-case hexadecimal; empty if it is no USB device.
        serial: Its serial number; empty if it tells none.
    """

    path: Path
    card: str
    usb: str
    serial: str

    @property
    def uri(self) -> str:
        """Its address as a source."""
        identity = f"usb:{self.usb}" + (f":{self.serial}" if self.serial else "") if self.usb else self.path
        return f"camera:{identity}"

    def __str__(self) -> str:
        return f"{self.uri} ({self.card}, {self.path})"


def find_camera(place: str, *, where: str, nodes: Callable[[], tuple[Node, ...]]) -> Path:
    """Return the path of a camera's node.

    Args:
        place: A number, a path, or `usb:VID:PID[:SERIAL]`.
        where: What messages call it.
        nodes: Lists the cameras that are there.

    Raises:
        InputError: The place is none of these, or two cameras fit.
        UnavailableError: There is no such camera now.
    """
    if place.startswith("usb:"):
        return _find_usb(place, where, nodes())
    path = Path(f"/dev/video{place}" if place.isdecimal() else place)
    if path.is_char_device():
        return path
    got = "no device" if path.exists() else "nothing there"
    raise UnavailableError(f"{where}: expected a camera at {path}, got {got}", hint=cameras_here(nodes()))


def _find_usb(place: str, where: str, nodes: tuple[Node, ...]) -> Path:
    match = _USB.fullmatch(place)
    if match is None:
        raise InputError(f"{where}: expected usb:VID:PID or usb:VID:PID:SERIAL in hexadecimal, got {place}")
    usb, serial = match[1].lower(), match[2]
    of_kind = [node for node in nodes if node.usb == usb]
    found = [node for node in of_kind if serial in {None, node.serial}]
    if not found and of_kind:
        serials = ", ".join(node.serial or "none" for node in of_kind)
        raise UnavailableError(f"{where}: expected serial number {serial}, got {serials}", hint=cameras_here(nodes))
    if not found:
        raise UnavailableError(f"{where}: expected a camera that is plugged in, got none", hint=cameras_here(nodes))
    if len(found) > 1:
        paths = ", ".join(str(node.path) for node in found)
        raise InputError(
            f"{where}: expected one camera, got {len(found)}: {paths}",
            hint="name the serial number, or the port by a path below /dev/v4l/by-path",
        )
    return found[0].path


def cameras_here(nodes: tuple[Node, ...]) -> str:
    """Return a hint that names the cameras."""
    return f"cameras here: {', '.join(map(str, nodes))}" if nodes else "no camera is connected"


def list_cameras(
    *,
    sysfs: Path = Path("/sys/class/video4linux"),
    query: Callable[[Path], layouts.Capability] | None = None,
) -> tuple[Node, ...]:
    """Return the nodes that give pictures, in the order of their numbers.

    Args:
        sysfs: Where the kernel lists video devices.
        query: Asks a node what it is.
    """
    found = sorted(sysfs.glob("video*"), key=lambda entry: (len(entry.name), entry.name))
    nodes = (_node(entry, query or query_capability) for entry in found)
    return tuple(node for node in nodes if node is not None)


def query_capability(path: Path) -> layouts.Capability:
    """Ask a node what it is.

    Raises:
        OSError: It cannot be opened, or is no video node.
    """
    device = DeviceFile(path)
    try:
        capability = layouts.Capability()
        device.control(layouts.QUERYCAP, capability)
    finally:
        device.close()
    return capability


def _node(entry: Path, query: Callable[[Path], layouts.Capability]) -> Node | None:
    path = Path("/dev") / entry.name
    try:
        capability = query(path)
    except PermissionError:  # it may be one; opening it will tell the cure
        card = _text(entry / "name")
    except OSError:
        return None
    else:
        if not capability.device_caps & (layouts.CAN_CAPTURE | layouts.CAN_CAPTURE_PLANES):
            return None
        card = capability.card.decode(errors="replace")
    usb = next((up for up in (entry / "device").resolve().parents if (up / "idVendor").exists()), None)
    if usb is None:
        return Node(path, card, "", "")
    return Node(path, card, f"{_text(usb / 'idVendor')}:{_text(usb / 'idProduct')}".lower(), _text(usb / "serial"))


def _text(path: Path) -> str:
    return path.read_text(errors="replace").strip() if path.exists() else ""
