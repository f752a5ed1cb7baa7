from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import closing, contextmanager

import cv2
import numpy as np
import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime import Run, open_sink
from edge_sdk.runtime.frame import Sample
from tests.fakes import Replay
from tests.runtime.models import card


@pytest.fixture
def web():
    with closing(open_sink("web:0", Replay([]))) as sink:
        yield sink


@contextmanager
def connected(sink):
    with closing(http.client.HTTPConnection(sink.url.removeprefix("http://").strip("/"), timeout=10)) as connection:
        yield connection


def get(sink, path, headers=None):
    """Return status, headers and body of an answer."""
    with connected(sink) as connection:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def show(sink, pipeline, data, *, seq=0, source="replay"):
    sample = Sample(data, seq, captured_ns=0, clock="file", source=source)
    sink.write(sample, pipeline.process(sample))


def decoded(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def test_the_page_comes_whole_and_loads_nothing_from_elsewhere(web):
    status, headers, body = get(web, "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert b"//" not in body


def test_the_picture_has_the_boxes_drawn_in(web, boxes):
    grey = np.full((32, 48, 3), 90, np.uint8)
    show(web, boxes, grey)
    status, headers, body = get(web, "/picture.jpg?source=0")
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    assert decoded(body).shape == grey.shape
    assert np.abs(decoded(body).astype(int) - 90).max() > 60


def test_a_large_picture_is_shrunk(colors):
    with closing(open_sink("web:0?width=320", Replay([]))) as sink:
        show(sink, colors, np.zeros((480, 641, 3), np.uint8))
        assert decoded(get(sink, "/picture.jpg")[2]).shape == (240, 320, 3)


def test_a_stream_gives_each_new_picture(web, colors):
    with connected(web) as connection:
        connection.request("GET", "/stream.mjpg?source=0")
        answer = connection.getresponse()
        assert answer.headers["Content-Type"].startswith("multipart/x-mixed-replace")
        for color, blue_green_red in (("red", 2), ("blue", 0)):
            show(web, colors, card(color))
            answer.readline()
            answer.readline()
            size = int(answer.readline().split(b":")[1])
            answer.readline()
            picture = decoded(answer.read(size))
            answer.readline()
            assert picture[-1, -1].argmax() == blue_green_red


def test_nothing_is_encoded_while_nobody_looks(web, colors, monkeypatch):
    calls = []
    encode = cv2.imencode
    monkeypatch.setattr(cv2, "imencode", lambda *args: calls.append(1) or encode(*args))
    for _ in range(50):
        show(web, colors, card("red"))
    assert calls == []
    get(web, "/picture.jpg")
    get(web, "/picture.jpg")
    assert len(calls) == 1


def test_the_status_tells_what_was_seen_and_how_the_run_goes(web, colors):
    Run(colors, Replay([card("red")], name="clip"), sinks=[Unclosed(web)]).execute()
    told = json.loads(get(web, "/status.json")[2])
    assert told["report"]["accounts"]["results"] == 1
    assert told["sources"][0]["name"] == "clip"
    assert told["sources"][0]["last"]["captions"][0].startswith("red ")


def test_each_source_has_its_view(web, colors):
    sources = [Replay([card("red")], name="one"), Replay([card("blue")], name="two")]
    Run(colors, sources, sinks=[Unclosed(web)]).execute()
    last = [source["last"]["captions"][0] for source in json.loads(get(web, "/status.json")[2])["sources"]]
    assert [caption.split()[0] for caption in last] == ["red", "blue"]


def test_metrics_come_with_a_run(web, colors):
    assert get(web, "/metrics")[0] == 503
    Run(colors, Replay([card("red")]), sinks=[Unclosed(web)]).execute()
    status, headers, body = get(web, "/metrics")
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b'edge_sdk_samples_settled_total{source="replay",fate="results"} 1' in body


def test_health_follows_the_results(web, colors):
    assert get(web, "/health")[0] == 503
    show(web, colors, card("red"))
    assert get(web, "/health")[0] == 200


def test_what_is_not_there_is_not_found(web):
    assert get(web, "/etc/passwd")[0] == 404
    assert get(web, "/stream.mjpg?source=7")[0] == 404


def test_a_sample_that_is_no_picture_has_none(web, adds):
    ones = np.ones((1, 2), np.float32)
    show(web, adds, {"a": ones, "b": ones})
    assert get(web, "/picture.jpg")[0] == 404


def test_pages_of_other_sites_learn_nothing(web):
    assert get(web, "/status.json", {"Host": "evil.example"})[0] == 403


def test_others_can_look_only_with_the_secret(tmp_path, colors):
    secret = "s" * 32
    (tmp_path / "token").write_text(secret + "\n")
    with closing(open_sink(f"web:0.0.0.0:0?token_file={tmp_path}/token", Replay([]))) as sink:
        show(sink, colors, card("red"))
        assert get(sink, "/picture.jpg")[0] == 403
        assert get(sink, "/picture.jpg?token=wrong")[0] == 403
        assert get(sink, "/picture.jpg", {"Authorization": f"Bearer {secret}"})[0] == 200
        cookie = get(sink, f"/?token={secret}")[1]["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert get(sink, "/picture.jpg", {"Cookie": cookie.partition(";")[0]})[0] == 200


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("web:0.0.0.0:0", "expected ?token_file=PATH for an address that others can reach, got none"),
        ("web:x", "expected web:PORT or web:HOST:PORT, got 'x'"),
        ("web:70000", "expected web:PORT or web:HOST:PORT, got '70000'"),
        ("web:0?fps=0", "width, fps: expected more than 0, got 640 and 0"),
        ("web:0?quality=200", "quality: expected 1 to 100, got 200"),
        ("web:0?colour=red", "colour"),
        ("web:127.0.0.1:0?token_file=/dev/null", "expected 16 or more letters, digits, - and _, got 0 characters"),
    ],
)
def test_a_wrong_address_is_refused(uri, message):
    with pytest.raises(InputError) as refused:
        open_sink(uri, Replay([]))
    assert message in str(refused.value)


def test_a_port_that_is_taken_is_told(web):
    with pytest.raises(UnavailableError, match="expected an address to listen on"):
        open_sink("web:" + web.url.removeprefix("http://").strip("/"), Replay([]))


def test_closing_ends_streams_and_threads():
    before = threading.active_count()
    sink = open_sink("web:0", Replay([]))
    with connected(sink) as connection:
        connection.request("GET", "/stream.mjpg")
        connection.getresponse()
        sink.close()
        sink.close()
    end_s = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < end_s:
        time.sleep(0.05)
    assert threading.active_count() == before


def test_too_many_who_look_are_turned_away_and_come_back_later(web, colors):
    show(web, colors, card("red"))
    crowd = [http.client.HTTPConnection(web.url.removeprefix("http://").strip("/"), timeout=10) for _ in range(32)]
    answers = []
    for one in crowd:
        one.request("GET", "/stream.mjpg")
        answers.append(one.getresponse())
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        get(web, "/")
    for one in (*answers, *crowd):
        one.close()
    end_s = time.monotonic() + 20
    while time.monotonic() < end_s:
        show(web, colors, card("blue"))
        try:
            assert get(web, "/")[0] == 200
            return
        except (http.client.RemoteDisconnected, ConnectionResetError):
            time.sleep(0.1)
    pytest.fail("nobody could look again")


class Unclosed:
    """A sink that a run leaves open."""

    def __init__(self, sink):
        self.name, self.write, self.report_from = sink.name, sink.write, sink.report_from

    def close(self):
        pass
