from __future__ import annotations

import json
import threading
import time
from contextlib import closing

import pytest

from edge_sdk.broker import Listener, Topic
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime import Run, open_sink
from edge_sdk.runtime.events import Event
from tests.fakes import Replay
from tests.mosquitto import Mosquitto
from tests.runtime.models import card

SOURCE = Replay([])


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path) as broker:
        yield broker


def listen(broker, name):
    return closing(Listener(Topic("127.0.0.1", broker.port, name)))


def test_each_result_is_a_message(broker, colors):
    with listen(broker, "press/4") as listener:
        sink = open_sink(f"mqtt://{broker.address}/press/4", SOURCE)
        Run(colors, Replay([card("red"), card("blue")] * 30), sinks=[sink]).execute()
        rows = [json.loads(listener.receive(timeout_s=5).payload) for _ in range(60)]
    assert [row["seq"] for row in rows] == list(range(60))
    assert [row["value"]["classes"][0]["label"] for row in rows] == ["red", "blue"] * 30


def test_events_and_state_have_topics_of_their_own(broker):
    with listen(broker, "press/4/events") as listener:
        sink = open_sink(f"mqtt://{broker.address}/press/4", SOURCE)
        assert broker.kept("press/4/state") == b"online"
        sink.tell(Event(5, "camera:0", "live", "stalled", "no frame for 2 s"))
        assert json.loads(listener.receive(timeout_s=5).payload) == {
            "at_ns": 5,
            "source": "camera:0",
            "before": "live",
            "after": "stalled",
            "cause": "no frame for 2 s",
        }
        sink.close()
        sink.close()
    assert broker.kept("press/4/state") == b"offline"
    with pytest.raises(UnavailableError, match="got a closed one"):
        sink.tell(Event(5, "camera:0", "live", "stalled", "late"))


def test_a_broker_that_goes_away_costs_results_of_live_sources_and_not_the_run(tmp_path, colors):
    broker = Mosquitto(tmp_path)
    with broker:
        sink = open_sink(f"mqtt://{broker.address}/press/4?timeout_s=0.05", SOURCE)
        source = Replay([card("red")] * 10_000, live=True, stalls_s=(0.01,))
        run = Run(colors, source, sinks=[sink])
        thread = threading.Thread(target=run.execute)
        thread.start()
        broker.__exit__()
        assert until(lambda: run.report().sinks[0].failed)
        broker.__enter__()
        written = run.report().sinks[0].written
        assert until(lambda: run.report().sinks[0].written > written + 20)  # as many as may be on their way at once
        run.stop()
        thread.join()
    report = run.report()
    (told,) = report.sinks
    assert report.ended == "stopped"
    assert report.accounts.results == told.written + told.dropped + told.failed
    assert any("expected to publish within 0.05 s, got no " in line for line in report.failures)


def until(happened):
    end_s = time.monotonic() + 30
    while not happened() and time.monotonic() < end_s:
        time.sleep(0.01)
    return happened()


def test_what_the_broker_has_not_acknowledged_in_the_end_is_told(tmp_path, colors_outcome):
    with Mosquitto(tmp_path) as broker:
        sink = open_sink(f"mqtt://{broker.address}/press/4", SOURCE)
        broker.pause()
        try:
            sink.write(*colors_outcome)
            with pytest.raises(UnavailableError, match=r"expected all messages to be acknowledged, got [23] that are"):
                sink.close()
        finally:
            broker.go_on()


def test_a_pattern_is_no_place_to_publish(broker):
    with pytest.raises(InputError, match=r"press/\+: expected one topic, got a pattern$"):
        open_sink(f"mqtt://{broker.address}/press/+", SOURCE)


def test_a_broker_that_is_not_there_is_told_at_once():
    with pytest.raises(UnavailableError, match=r"^mqtt://127.0.0.1:9/a: expected a broker, got "):
        open_sink("mqtt://127.0.0.1:9/a", SOURCE)


def test_what_was_sent_has_arrived_when_the_sink_is_closed(broker, colors_outcome):
    with listen(broker, "press/4") as listener:
        sink = open_sink(f"mqtt://{broker.address}/press/4", SOURCE)
        for _ in range(15):  # all of them may be on their way
            sink.write(*colors_outcome)
        start_s = time.monotonic()
        sink.close()
        assert time.monotonic() - start_s < 5
        assert [listener.receive(timeout_s=5) is not None for _ in range(15)] == [True] * 15
