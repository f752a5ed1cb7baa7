from __future__ import annotations

import base64
import threading
import time
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime import open_source
from tests.fakes import MjpegServer, Server, WebServer
from tests.runtime.models import write_clip
from tests.runtime.sources.streams import read_all

PICTURES = [np.full((120, 208, 3), 10 * i, np.uint8) for i in range(12)]
JPEG = cv2.imencode(".jpg", PICTURES[9])[1].tobytes()


def send(handler, content, kind="image/jpeg"):
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def begin_stream(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", 'multipart/x-mixed-replace; boundary="--a b"')
    handler.end_headers()


def part(content):
    return b"--a b\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(content), content)


def test_a_camera_delivers_its_pictures():
    with MjpegServer(PICTURES) as server:
        samples, exc = read_all(open_source(f"http://{server.address}/video.mjpg"))
    assert [sample.seq for sample in samples] == list(range(12))
    assert {sample.data.shape for sample in samples} == {(120, 208, 3)}
    assert np.abs([sample.data.mean() - 10 * sample.seq for sample in samples]).max() < 2
    assert {sample.clock for sample in samples} == {"arrival"}
    assert str(exc) == f"http://{server.address}/video.mjpg: expected a frame, got the end of the stream"
    assert exc.hint == "is the camera still reachable?"


def test_pictures_come_as_small_as_they_were_asked_for():
    with MjpegServer(PICTURES) as server, closing(open_source(f"http://{server.address}/#reduce=2")) as source:
        assert source.read().data.shape == (60, 104, 3)


def test_a_picture_that_is_not_whole_is_told_and_the_next_one_is_read():
    def answer(handler, _):
        begin_stream(handler)
        handler.wfile.write(part(JPEG) + part(JPEG[:-50]) + part(JPEG))

    with WebServer(answer) as server, closing(open_source(f"http://{server.address}/")) as source:
        assert source.read().seq == 0
        with pytest.raises(InputError) as caught:
            source.read()
        assert source.read().seq == 2
    assert str(caught.value) == (
        f"http://{server.address}/ #1: expected a whole JPEG picture, got {len(JPEG) - 50} bytes that are none"
    )


def test_a_mute_server_is_given_up_in_time():
    start_s = time.monotonic()
    with Server(then="mute") as server, pytest.raises(UnavailableError) as caught:
        open_source(f"http://{server.address}/stream#timeout_s=0.5")
    assert 0.5 <= time.monotonic() - start_s < 2
    assert str(caught.value) == f"http://{server.address}/stream: expected a video stream within 0.5 s, got none"


def test_a_camera_that_falls_silent_is_given_up_in_time():
    with MjpegServer(PICTURES, then="mute") as server:
        source = open_source(f"http://{server.address}/#timeout_s=0.5")
        for _ in PICTURES:
            source.read()
        start_s = time.monotonic()
        with pytest.raises(UnavailableError) as caught:
            source.read()
        source.close()
    assert 0.5 <= time.monotonic() - start_s < 2
    assert str(caught.value) == f"http://{server.address}/: expected a frame, got none for 0.5 s"


def test_a_server_that_says_a_little_all_the_time_is_given_up_too():
    over = threading.Event()

    def answer(handler, _):
        begin_stream(handler)
        while not over.wait(0.05):
            handler.wfile.write(b"x")

    with WebServer(answer) as server:
        source = open_source(f"http://{server.address}/#timeout_s=0.5")
        start_s = time.monotonic()
        with pytest.raises(UnavailableError, match=r"expected a frame, got none for 0\.5 s$"):
            source.read()
        assert time.monotonic() - start_s < 2
        over.set()
        source.close()


def test_a_connection_that_is_reset_is_told_at_once():
    with MjpegServer(PICTURES, then="reset") as server:
        source = open_source(f"http://{server.address}/")
        for _ in PICTURES:
            source.read()
        server.go_on.set()
        start_s = time.monotonic()
        samples, exc = read_all(source)
    assert time.monotonic() - start_s < 1
    assert samples == []
    assert str(exc) == f"http://{server.address}/: expected a frame, got the end of the stream"


def test_an_answer_without_an_end_is_no_picture():
    def answer(handler, _):
        begin_stream(handler)
        handler.wfile.write(b"--a b\r\nContent-Length: 99999999\r\n\r\n")

    with WebServer(answer) as server:
        source = open_source(f"http://{server.address}/")
        _, exc = read_all(source)
    assert str(exc) == (
        f"http://{server.address}/: expected a frame, got an endless one "
        "(expected a part of at most 67108864 bytes, got 99999999)"
    )


@pytest.mark.parametrize(
    ("challenge", "way"),
    [('Basic realm="camera"', "Basic"), ('Digest realm="camera", nonce="7", qop="auth"', "Digest")],
)
def test_user_and_password_are_given_to_a_camera_that_asks_and_never_shown(challenge, way):
    def answer(handler, _):
        if "Authorization" in handler.headers:
            return send(handler, JPEG)
        handler.send_response(401)
        handler.send_header("WWW-Authenticate", challenge)
        handler.send_header("Content-Length", "0")
        return handler.end_headers()

    with WebServer(answer) as server:
        source = open_source(f"http://us%40er:se%3Acret@{server.address}/x.jpg?pwd=secret#fps=100")
        sample = source.read()
    given = server.requests[1]["Authorization"]
    assert given.startswith(way)
    assert way == "Digest" or base64.b64decode(given.split()[1]) == b"us@er:se:cret"
    assert sample.source == source.name == f"http://{server.address}/x.jpg?…"


@pytest.mark.parametrize(
    ("code", "reason", "hint"),
    [(401, "Unauthorized", "are user and password right?"), (404, "Not Found", "is the address right?")],
)
def test_a_camera_that_refuses_is_told_without_the_password(code, reason, hint):
    with WebServer(lambda handler, _: handler.send_error(code)) as server, pytest.raises(UnavailableError) as caught:
        open_source(f"http://user:secret@{server.address}/")
    assert str(caught.value) == f"http://{server.address}/: expected pictures, got {code} {reason}"
    assert caught.value.hint == hint


def test_a_camera_that_gives_one_picture_is_asked_again_and_again():
    with WebServer(lambda handler, _: send(handler, JPEG)) as server:
        source = open_source(f"http://{server.address}/now.jpg#fps=20")
        start_s = time.monotonic()
        samples = [source.read() for _ in range(5)]
        took_s = time.monotonic() - start_s
    assert source.fps == 20
    assert [sample.seq for sample in samples] == [0, 1, 2, 3, 4]
    assert abs(samples[0].data.mean() - 90) < 2
    assert took_s >= 4 / 20
    assert len(server.requests) == 6


def test_a_picture_that_cannot_be_decoded_is_told_and_asked_for_again():
    with WebServer(lambda handler, number: send(handler, b"" if number == 1 else JPEG)) as server:
        source = open_source(f"http://{server.address}/#fps=100")
        with pytest.raises(InputError, match=r"#0: expected a whole JPEG picture, got 0 bytes that are none$"):
            source.read()
        assert source.read().seq == 1


def test_a_recording_on_a_web_server_is_left_to_ffmpeg_and_has_an_end(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", PICTURES).read_bytes()
    with WebServer(lambda handler, _: send(handler, clip, "video/x-matroska")) as server:
        with closing(open_source(f"http://{server.address}/clip.mkv")) as source:
            samples = [sample for sample in iter(source.read, None)]
        with pytest.raises(InputError, match=r"expected JPEG pictures for reduce=2, got video/x-matroska$"):
            open_source(f"http://{server.address}/clip.mkv#reduce=2")
    assert len(samples) == len(PICTURES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("timeout=1", "timeout: unknown key; did you mean 'timeout_s'?"),
        ("timeout_s=0", "timeout_s: expected more than 0, got 0.0"),
        ("fps=0.01", "fps: expected 0.1 or more, got 0.01"),
        ("reduce=5", "reduce: expected one of 1, 2, 4, 8, got 5"),
    ],
)
def test_a_wrong_option_is_told_without_the_password(options, message):
    with pytest.raises(InputError) as caught:
        open_source(f"http://user:secret@camera/#{options}")
    assert str(caught.value) == f"http://camera/: {message}"


@pytest.mark.parametrize("uri", ["http:///x", "http://user:sec/ret@camera/", "http://[::1/", "http://camera:http/"])
def test_an_address_that_is_none_is_told_without_showing_it(uri):
    with pytest.raises(InputError) as caught:
        open_source(uri)
    assert str(caught.value) == (
        "source: expected an address such as http://camera/stream, got one without a host or port"
    )
    assert "%40" in caught.value.hint


def test_a_hundred_connections_leave_nothing_behind():
    def answer(handler, _):
        begin_stream(handler)
        handler.wfile.write(part(JPEG) * 3)

    def connect(times):
        for _ in range(times):
            samples, _ = read_all(open_source(f"http://{server.address}/"))
            assert len(samples) == 3
        return len(list(Path("/proc/self/fd").iterdir())), int(Path("/proc/self/statm").read_text().split()[1]) * 4

    with WebServer(answer) as server:
        before_fds, before_kib = connect(20)
        after_fds, after_kib = connect(100)
    assert after_fds <= before_fds + 2
    assert after_kib - before_kib < 4096
