from __future__ import annotations

import time

import numpy as np
import pytest

from edge_sdk.errors import UnavailableError
from edge_sdk.runtime import open_source
from edge_sdk.runtime.sources.network import LIMIT_S
from tests.fakes import MjpegServer, RtspServer, Server

PICTURES = [np.full((120, 208, 3), 10 * i, np.uint8) for i in range(12)]


def read_all(source):
    """Return all samples, and the error that ended the stream."""
    samples = []
    try:
        while True:
            samples.append(source.read())
    except UnavailableError as exc:
        return samples, exc
    finally:
        source.close()


def test_an_http_camera_delivers_its_pictures():
    with MjpegServer(PICTURES) as server:
        samples, _ = read_all(open_source(f"http://{server.address}/video.mjpg"))
    assert [sample.seq for sample in samples] == list(range(12))
    assert {sample.data.shape for sample in samples} == {(120, 208, 3)}
    assert np.abs([sample.data.mean() - 10 * sample.seq for sample in samples]).max() < 2
    assert {sample.clock for sample in samples} == {"arrival"}


def test_an_rtsp_camera_delivers_its_pictures_over_tcp(tmp_path):
    with RtspServer(PICTURES, tmp_path) as server:
        samples, _ = read_all(open_source(f"rtsp://{server.address}/stream"))
        setup = next(request for request in server.requests if request[0].startswith("SETUP"))
    assert len(samples) >= 10
    assert {sample.data.shape for sample in samples} == {(120, 208, 3)}
    assert any("RTP/AVP/TCP" in line for line in setup)


def test_the_end_of_a_camera_s_stream_is_an_error():
    with MjpegServer(PICTURES) as server:
        _, exc = read_all(open_source(f"http://{server.address}/"))
        assert str(exc) == f"http://{server.address}/: expected a frame, got the end of the stream"
    assert exc.hint == "is the camera still reachable?"


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_mute_server_is_given_up_in_time(scheme):
    start_s = time.monotonic()
    with Server(then="mute") as server, pytest.raises(UnavailableError) as caught:
        open_source(f"{scheme}://{server.address}/stream")
    assert LIMIT_S <= time.monotonic() - start_s < LIMIT_S + 2
    assert str(caught.value) == f"{scheme}://{server.address}/stream: expected a video stream within 5 s, got none"


@pytest.mark.parametrize("kind", ["http", "rtsp"])
def test_a_stream_that_falls_silent_is_given_up_in_time(tmp_path, kind):
    server = MjpegServer(PICTURES, then="mute") if kind == "http" else RtspServer(PICTURES, tmp_path, then="mute")
    with server:
        source = open_source(f"{kind}://{server.address}/stream")
        start_s = time.monotonic()
        samples, exc = read_all(source)
        assert LIMIT_S <= time.monotonic() - start_s < LIMIT_S + 2
    assert len(samples) >= 9
    assert str(exc) == f"{kind}://{server.address}/stream: expected a frame, got none for 5 s"


def test_a_refused_connection_tells_no_password():
    with Server() as server:
        address = server.address
    with pytest.raises(UnavailableError) as caught:
        open_source(f"rtsp://user:secret@{address}/stream")
    assert str(caught.value).startswith(f"rtsp://{address}/stream: expected a video stream")
    assert caught.value.hint == "is the camera on, and are address, user and password right?"
