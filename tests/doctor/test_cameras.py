"""What cameras offer and who has them; what a source really gives, and why it is less than it promises."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_sdk.doctor.cameras import check_cameras, holders, judge, usb_mbit
from edge_sdk.doctor.reading import Reading, check_sources, measure
from edge_sdk.doctor.reading import judge as judge_reading
from edge_sdk.doctor.record import Subject, User
from edge_sdk.errors import InputError
from edge_sdk.runtime.sources.identity import Node
from edge_sdk.runtime.sources.v4l2.camera import V4l2Camera
from edge_sdk.runtime.sources.v4l2.modes import Asked
from tests.fakes import Captured, Replay, VideoNode
from tests.runtime.models import COLORS, card, write_clip
from tests.sysfs import lay

HALL = Node(Path("/dev/video7"), "HD Webcam", "046d:0825", "A1B2")
OFFERS = {"MJPG": {(1920, 1080): 30.0, (640, 480): 30.0}, "YUYV": {(640, 480): 30.0, (1280, 720): 7.5}}
PICTURE = np.full((4, 8, 3), 10, np.uint8).tobytes()
WHOLE = Reading(live=True, samples=61, span_s=2.0, lost=0, broken=0, promised_fps=30.0, mode="MJPG 1280x720")


def subject(root, **values):
    return Subject(User("pi", 1000, frozenset()), root=root, **values)


def held_by(root, number, name, device):
    """Lay out a process that has a device open."""
    lay(root, {f"proc/{number}/comm": name})
    (root / f"proc/{number}/fd").mkdir()
    (root / f"proc/{number}/fd/5").symlink_to(device)
    (root / f"proc/{number}/fd/6").symlink_to("socket:[1]")


def test_a_camera_is_told_as_a_source_names_it_with_what_it_offers(tmp_path):
    node = VideoNode(OFFERS)
    finding = judge(HALL, lambda _path: node, tmp_path)
    assert (finding.name, finding.state, node.closed) == ("camera:usb:046d:0825:A1B2", "ok", 1)
    assert finding.evidence == ("HD Webcam, /dev/video7: MJPG 1920x1080@30 640x480@30, YUYV 1280x720@7.5 640x480@30")


def test_a_camera_that_another_program_has_names_it(tmp_path):
    held_by(tmp_path, 812, "ffmpeg", "/dev/video7")
    held_by(tmp_path, 900, "other", "/dev/video8")
    assert holders(HALL.path, tmp_path) == "ffmpeg (812)"
    finding = judge(HALL, lambda _path: VideoNode(OFFERS), tmp_path)
    assert (finding.state, finding.cure) == ("warning", "stop ffmpeg (812) before a run")
    assert finding.evidence.endswith("; in use by ffmpeg (812)")


def test_formats_that_only_opencv_decodes_are_told(tmp_path):
    finding = judge(HALL, lambda _path: VideoNode({"H264": {(640, 480): 30.0}}), tmp_path)
    assert finding.evidence.endswith("OpenCV decodes these, which does not tell lost frames")


def test_a_camera_that_may_not_be_opened_is_a_finding(tmp_path):
    def refuse(_path):
        raise OSError(errno.EACCES, "Permission denied")

    finding = judge(HALL, refuse, tmp_path)
    assert (finding.state, finding.evidence) == ("warning", "HD Webcam, /dev/video7: Permission denied")


def test_where_no_camera_is_that_is_said(tmp_path):
    assert [(one.name, one.state) for one in check_cameras(subject(tmp_path))] == [("cameras", "not here")]


def test_the_speed_of_a_usb_port_is_found(tmp_path):
    port = tmp_path / "sys/devices/usb1/1-1"
    lay(port, {"speed": "480", "1-1:1.0/x": ""})
    (tmp_path / "sys/class/video4linux/video7").mkdir(parents=True)
    (tmp_path / "sys/class/video4linux/video7/device").symlink_to(port / "1-1:1.0")
    assert usb_mbit(HALL.path, tmp_path) == 480.0
    assert usb_mbit(Path("/dev/video9"), tmp_path) is None


def test_a_camera_is_measured_by_its_stamps_and_numbers():
    frames = [Captured(PICTURE, sequence=number) for number in (0, 1, 2, 5)]
    node = VideoNode({"BGR3": {(8, 4): 25.0}}, frames)
    camera = V4l2Camera(node, Asked(), name="camera:0")

    class Ends:
        """The camera, with an end behind its frames."""

        live, fps, mode = True, camera.fps, camera.mode

        def read(self):
            return camera.read() if node.frames else None

    reading = measure(Ends(), settle_s=0.0, measure_s=60.0)
    assert (reading.samples, reading.lost, reading.broken, reading.mode) == (4, 2, 0, "BGR3 8x4")
    assert (reading.promised_fps, reading.shape) == (25.0, "4x8x3")


def test_samples_that_cannot_be_used_are_counted():
    reading = measure(Replay([InputError("broken")] * 3))
    assert (reading.samples, reading.broken) == (0, 3)
    assert judge_reading("x", reading).evidence == "nothing that can be used, 3 broken"


@pytest.mark.parametrize(
    ("changes", "mbit", "state", "says"),
    [
        ({}, 480.0, "ok", "MJPG 1280x720: 30.0 of 30 frames a second, 0 lost, 0 broken"),
        ({"samples": 31}, 480.0, "warning", "too little light"),
        ({"samples": 15, "mode": "YUYV 1920x1080"}, 480.0, "warning", "YUYV is more than USB 2 carries"),
        ({"samples": 15, "mode": "YUYV 1920x1080"}, 5000.0, "warning", "too little light"),
        ({"samples": 31, "lost": 30}, None, "warning", "frames came faster than they were taken"),
        ({"broken": 2}, 480.0, "warning", "the cable, the hub or the supply"),
        ({"promised_fps": 0.0, "mode": "", "shape": "480x640x3"}, None, "ok", "480x640x3: 30.0 frames a second"),
        ({"samples": 0}, None, "failed", "nothing that can be used"),
        ({"live": False, "shape": "40x60x3", "mode": ""}, None, "ok", "61 samples of 40x60x3"),
    ],
)
def test_a_rate_that_is_missed_has_its_cause(changes, mbit, state, says):
    finding = judge_reading("reading camera:0", replace(WHOLE, **changes), mbit)
    assert finding.state == state
    assert says in finding.evidence
    assert bool(finding.cure) == (state != "ok")


def test_sources_are_really_read_in_a_child(tmp_path):
    clip = str(write_clip(tmp_path / "clip.mp4", [card(name) for name in COLORS]))
    uris = (clip, "camera:/dev/none", "i2c:1/bme280", "rtsp://me:secret@127.0.0.1:1/door?token=1")
    findings = list(check_sources(subject(tmp_path, sources=uris)))
    assert [(one.name, one.state) for one in findings] == [
        (f"reading {clip}", "ok"),
        ("reading camera:/dev/none", "failed"),
        ("reading i2c:1/bme280", "not here"),
        ("reading rtsp://127.0.0.1:1/door?…", "failed"),
    ]
    assert findings[0].evidence == "3 samples of 40x60x3, 0 broken"
    assert findings[1].evidence == "expected a camera at /dev/none, got nothing there"
    assert "secret" not in str(findings)
