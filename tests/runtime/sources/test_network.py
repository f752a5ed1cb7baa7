from __future__ import annotations

import time

import numpy as np
import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime import open_source
from tests.fakes import RtspServer, Server
from tests.runtime.sources.streams import read_all

PICTURES = [np.full((120, 208, 3), 10 * i, np.uint8) for i in range(12)]


def test_an_rtsp_camera_delivers_its_pictures_over_tcp(tmp_path):
    with RtspServer(PICTURES, tmp_path) as server:
        samples, _ = read_all(open_source(f"rtsp://{server.address}/stream"))
        setup = next(request for request in server.requests if request[0].startswith("SETUP"))
    assert len(samples) >= 10
    assert {sample.data.shape for sample in samples} == {(120, 208, 3)}
    assert any("RTP/AVP/TCP" in line for line in setup)


@pytest.mark.parametrize("then", ["close", "reset"])
def test_a_stream_that_ends_is_told_at_once(tmp_path, then):
    with RtspServer(PICTURES, tmp_path, then=then) as server:
        source = open_source(f"rtsp://{server.address}/stream")
        assert source.read().seq == 0
        server.go_on.set()
        start_s = time.monotonic()
        _, exc = read_all(source)
        assert time.monotonic() - start_s < 2
        assert str(exc) == f"rtsp://{server.address}/stream: expected a frame, got the end of the stream"
    assert exc.hint == "is the camera still reachable?"


def test_a_mute_server_is_given_up_in_time():
    start_s = time.monotonic()
    with Server(then="mute") as server, pytest.raises(UnavailableError) as caught:
        open_source(f"rtsp://{server.address}/stream#open_timeout_s=1")
    assert 1 <= time.monotonic() - start_s < 3
    assert str(caught.value) == f"rtsp://{server.address}/stream: expected a video stream within 1 s, got none"


def test_a_stream_that_falls_silent_is_given_up_in_time(tmp_path):
    with RtspServer(PICTURES, tmp_path, then="mute") as server:
        source = open_source(f"rtsp://{server.address}/stream#timeout_s=1")
        start_s = time.monotonic()
        samples, exc = read_all(source)
        assert 1 <= time.monotonic() - start_s < 3
    assert len(samples) >= 9
    assert str(exc) == f"rtsp://{server.address}/stream: expected a frame, got none for 1 s"


def test_a_refused_connection_tells_no_password():
    with Server() as server:
        address = server.address
    with pytest.raises(UnavailableError) as caught:
        open_source(f"rtsp://user:secret@{address}/stream?pwd=secret")
    assert str(caught.value).startswith(f"rtsp://{address}/stream?…: expected a video stream")
    assert caught.value.hint == "is the camera on, and are address, user and password right?"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("transport=udp", "transport: unknown key; known keys are open_timeout_s, timeout_s"),
        ("open_timeout_s=0", "open_timeout_s: expected more than 0, got 0.0"),
    ],
)
def test_a_wrong_option_is_told_without_the_password(options, message):
    with pytest.raises(InputError) as caught:
        open_source(f"rtsp://user:secret@camera/stream#{options}")
    assert str(caught.value) == f"rtsp://camera/stream: {message}"
