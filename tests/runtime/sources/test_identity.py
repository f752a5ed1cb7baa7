from __future__ import annotations

import errno
from pathlib import Path

import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.sources.identity import Node, find_camera, list_cameras
from edge_sdk.runtime.sources.v4l2 import layouts

HALL = Node(Path("/dev/video0"), "HD Webcam", "046d:0825", "A1B2")
DOOR = Node(Path("/dev/video2"), "HD Webcam", "046d:0825", "C3D4")
CHEAP = Node(Path("/dev/video4"), "Cam", "1bcf:2281", "")
TWIN = Node(Path("/dev/video6"), "Cam", "1bcf:2281", "")
ISP = Node(Path("/dev/video10"), "rkisp", "", "")


def find(place, *nodes):
    return find_camera(place, where=f"camera:{place}", nodes=lambda: nodes)


@pytest.mark.parametrize(
    ("place", "found"),
    [("usb:046d:0825:C3D4", DOOR), ("usb:046D:0825:A1B2", HALL), ("usb:1bcf:2281", CHEAP)],
)
def test_a_camera_is_found_by_what_it_is(place, found):
    assert find(place, HALL, DOOR, CHEAP, ISP) == found.path


def test_a_path_is_taken_without_a_search():
    assert find("/dev/null") == Path("/dev/null")


@pytest.mark.parametrize(
    ("place", "nodes", "message"),
    [
        ("usb:046d:0825:E5F6", (HALL, CHEAP), "expected serial number E5F6, got A1B2"),
        ("usb:1bcf:2281:X", (CHEAP,), "expected serial number X, got none"),
        ("usb:dead:beef", (HALL,), "expected a camera that is plugged in, got none"),
    ],
)
def test_another_camera_is_not_taken_in_its_place(place, nodes, message):
    with pytest.raises(UnavailableError) as caught:
        find(place, *nodes)
    assert str(caught.value) == f"camera:{place}: {message}"
    assert caught.value.hint == "cameras here: " + ", ".join(map(str, nodes))


def test_of_two_that_fit_neither_is_taken():
    with pytest.raises(InputError) as caught:
        find("usb:1bcf:2281", CHEAP, TWIN)
    assert str(caught.value) == "camera:usb:1bcf:2281: expected one camera, got 2: /dev/video4, /dev/video6"
    assert caught.value.hint == "name the serial number, or the port by a path below /dev/v4l/by-path"


def test_what_is_no_identity_is_told():
    with pytest.raises(InputError) as caught:
        find("usb:webcam")
    assert (
        str(caught.value)
        == "camera:usb:webcam: expected usb:VID:PID or usb:VID:PID:SERIAL in hexadecimal, got usb:webcam"
    )


def test_cameras_are_told_by_the_address_that_stays():
    assert str(HALL) == "camera:usb:046d:0825:A1B2 (HD Webcam, /dev/video0)"
    assert str(CHEAP) == "camera:usb:1bcf:2281 (Cam, /dev/video4)"
    assert str(ISP) == "camera:/dev/video10 (rkisp, /dev/video10)"


def sysfs_node(sysfs, name, device, **usb):
    """Make a video node in a folder as the kernel does: a link to an interface within a USB device."""
    interface = sysfs / "devices" / device / "interface"
    interface.mkdir(parents=True, exist_ok=True)
    for attribute, value in usb.items():
        (interface.parent / attribute).write_text(f"{value}\n")
    (sysfs / "class" / name).mkdir(parents=True)
    (sysfs / "class" / name / "name").write_text("HD Webcam: HD Webcam\n")
    (sysfs / "class" / name / "device").symlink_to(interface)


def test_the_nodes_that_give_pictures_are_listed_with_what_sysfs_knows(tmp_path):
    webcam = {"idVendor": "046D", "idProduct": "0825", "serial": "A1B2"}
    sysfs_node(tmp_path, "video0", "webcam", **webcam)
    sysfs_node(tmp_path, "video1", "webcam")
    sysfs_node(tmp_path, "video2", "closed", idVendor="1bcf", idProduct="2281")
    sysfs_node(tmp_path, "video10", "isp")
    sysfs_node(tmp_path, "video11", "gone")
    cans = {"video0": layouts.CAN_CAPTURE, "video1": layouts.CAN_STREAM, "video10": layouts.CAN_CAPTURE_PLANES}

    def query(path):
        if path.name not in cans:
            raise OSError(errno.EACCES if path.name == "video2" else errno.ENODEV, "refused")
        return layouts.Capability(card=b"HD Webcam", device_caps=cans[path.name])

    assert list_cameras(sysfs=tmp_path / "class", query=query) == (
        HALL,
        Node(Path("/dev/video2"), "HD Webcam: HD Webcam", "1bcf:2281", ""),
        Node(Path("/dev/video10"), "HD Webcam", "", ""),
    )
