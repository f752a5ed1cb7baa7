"""What every source must do; a new source adds a way to open it to `SCRIPTS` and passes unchanged."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager

import cv2
import numpy as np
import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.preprocess import WindowSteps
from edge_sdk.runtime import open_source
from edge_sdk.runtime.sources import SENSORS, SOURCES
from edge_sdk.runtime.sources.v4l2.camera import V4l2Camera
from edge_sdk.runtime.sources.v4l2.modes import Asked
from tests.fakes import MjpegServer, Replay, RtspServer, VideoNode
from tests.runtime.models import write_clip

PICTURES = [np.full((48, 80, 3), 20 * i, np.uint8) for i in range(6)]
WINDOW = WindowSteps(("x",), samples=4, hop=2)


@contextmanager
def video(folder):
    yield open_source(str(write_clip(folder / "clip.mp4", PICTURES)))


@contextmanager
def pictures(folder):
    for number, picture in enumerate(PICTURES):
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    yield open_source(f"folder:{folder}")


@contextmanager
def rows(folder):
    (folder / "log.csv").write_text("x\n" + "1\n" * 16)
    yield open_source(f"rows:{folder / 'log.csv'}?rate_hz=50", window=WINDOW)


@contextmanager
def tensors(folder):
    np.save(folder / "x.npy", np.stack(PICTURES))
    yield open_source(f"tensors:{folder / 'x.npy'}")


@contextmanager
def http(_):
    with MjpegServer(PICTURES) as server:
        yield open_source(f"http://{server.address}/")


@contextmanager
def rtsp(folder):
    with RtspServer(PICTURES, folder) as server:
        yield open_source(f"rtsp://{server.address}/")


@contextmanager
def camera(_):
    node = VideoNode({"BGR3": {(80, 48): 25.0}}, [picture.tobytes() for picture in PICTURES])
    yield V4l2Camera(node, Asked(), name="camera:0")


@contextmanager
def replay(_):
    yield Replay(PICTURES, live=True)


SCRIPTS = {"video": video, "folder": pictures, "rows": rows, "tensors": tensors, "http": http, "rtsp": rtsp}
WITHOUT_HARDWARE = {**SCRIPTS, "camera": camera, "replay": replay}
MISSING = {
    "camera": ("camera:63", UnavailableError),
    "folder": ("folder:none", InputError),
    "http": ("http://127.0.0.1:9/", UnavailableError),
    "https": ("https://127.0.0.1:9/", UnavailableError),
    "rows": ("rows:none.csv", InputError),
    "rtsp": ("rtsp://127.0.0.1:9/", UnavailableError),
    "rtsps": ("rtsps://127.0.0.1:9/", UnavailableError),
    "tensors": ("tensors:none.npy", InputError),
    "video": ("video:none.mp4", InputError),
}


@pytest.fixture(params=WITHOUT_HARDWARE)
def source(request, tmp_path):
    with WITHOUT_HARDWARE[request.param](tmp_path) as opened, closing(opened):
        yield opened


def read_all(source):
    """Return all samples; a stream from a camera ends with an error."""
    samples = []
    try:
        while (sample := source.read()) is not None:
            samples.append(sample)
    except UnavailableError:
        assert source.live
    return samples


def test_it_says_what_it_is(source):
    assert source.name
    assert source.live in {True, False}
    assert source.fps >= 0


def test_samples_are_numbered_from_nought_without_a_gap(source):
    samples = read_all(source)
    assert len(samples) >= 3
    assert [sample.seq for sample in samples] == list(range(len(samples)))


def test_times_never_go_back_and_are_on_the_clock_that_is_named(source):
    before_ns = time.monotonic_ns()
    samples = read_all(source)
    times = [sample.captured_ns for sample in samples]
    assert times == sorted(times)
    assert len(set(times)) > 1
    assert {sample.clock == "file" for sample in samples} == {not source.live}
    if source.live:
        assert before_ns - 10_000_000_000 < times[0] <= times[-1] < time.monotonic_ns()


def test_samples_are_arrays_of_their_own(source):
    first, second, *_ = read_all(source)
    kept = np.copy(first.data)
    assert not np.shares_memory(first.data, second.data) or not first.data.flags.writeable
    assert np.array_equal(first.data, kept)
    assert first.source.startswith(source.name)


def test_the_end_stays_the_end(source):
    read_all(source)
    assert read_all(source) == []


def test_closing_twice_is_harmless(source):
    source.read()
    source.close()
    source.close()


@pytest.mark.parametrize("scheme", {**SOURCES, **SENSORS})
def test_what_is_not_there_is_told_by_its_name(scheme):
    uri, family = MISSING[scheme]
    with pytest.raises(family) as caught:
        open_source(uri, window=WINDOW)
    assert str(caught.value).startswith((f"{uri}: expected ", f"{uri.partition(':')[2]}: expected "))
