"""The ingest: what is told is on the disk; what is no message costs nothing but a number."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_sdk.broker.address import Broker
from edge_sdk.broker.happening import Acknowledged, Connected, Lost, Received
from edge_sdk.broker.link import Link
from edge_sdk.broker.record import LinkOptions
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.fleet.ingest import Counts, Ingest, subscriptions
from edge_sdk.fleet.store import Store
from edge_sdk.wire import Place, decode, encode
from edge_sdk.wire.messages import Ack, Ask, Batch
from tests.fleet.test_store import LOG, batch
from tests.mosquitto import Mosquitto

PLACE = Place("plant", "press-4")


class Line:
    """A link in memory, with room for a number of messages."""

    def __init__(self):
        self.coming, self.said, self.accepted, self.room = deque([Connected(1 << 20, "5")]), [], 0, 100

    def send(self, topic, payload):
        self.coming.append(Received(topic, payload, False, self.accept))

    def accept(self):
        self.accepted += 1

    def publish(self, name, payload, *, retain=False):
        if self.room <= 0:
            return None
        self.room -= 1
        self.said.append((name, decode(Ack, payload, where=name)))
        return 1

    def next(self, *, timeout_s):
        return self.coming.popleft() if self.coming else None


@pytest.fixture
def line():
    return Line()


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "fleet.db") as store:
        yield store


@pytest.fixture
def ingest(store, line):
    return Ingest(store, line, unix_s=lambda: 1000.0)


def test_what_came_is_kept_and_told_once_together(ingest, line, store):
    for first in (0, 3, 6):
        line.send(PLACE.up("results"), batch(first, 3).encode())
    line.send(PLACE.up("events"), batch(0, 1, stream="events").encode())
    ingest.turn()
    assert ingest.counts == Counts(rows=10)
    assert line.accepted == 4
    assert line.said == [(PLACE.down("ack"), Ack(LOG, {"results": 9, "events": 1}))]
    assert len(store.rows("results")) == 9


def test_a_batch_that_comes_again_is_told_again_and_kept_once(ingest, line):
    for _ in range(2):
        line.send(PLACE.up("results"), batch(0, 3).encode())
        ingest.turn()
    assert ingest.counts == Counts(rows=3, repeated=3)
    assert [ack.next_seq for _, ack in line.said] == [{"results": 3}] * 2


def test_who_asks_is_told_what_is_here(ingest, line):
    line.send(PLACE.up("results"), batch(0, 3).encode())
    ingest.turn()
    for log in (LOG, "f" * 16, ""):
        line.send(PLACE.up("ask"), encode(Ask(1, log)))
    ingest.turn()
    assert line.said[1:] == [(PLACE.down("ack"), Ack(LOG, {"results": 3})), (PLACE.down("ack"), Ack("f" * 16, {}))]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (PLACE.up("results"), b"\xff\x00"),
        (PLACE.up("results"), b"[" * 100_000),
        (PLACE.up("results"), b'{"schema":2}'),
        (PLACE.up("results"), batch(0, 1).encode().replace(b'{"n":0}', b"7")),
        (PLACE.up("results"), batch(0, 1).encode().replace(b'"first_seq":0', b'"first_seq":' + b"9" * 40)),
        (PLACE.up("events"), batch(0, 1).encode()),
        (PLACE.up("ask"), encode(Ask(1, LOG)).replace(LOG.encode(), b"x" * 5000)),
        ("edge/v1/plant/../up/results", batch(0, 1).encode()),
    ],
    ids=["bytes", "deep", "schema", "row", "number", "channel", "log", "name"],
)
def test_what_is_no_message_is_counted_and_the_rest_goes_on(ingest, line, topic, payload):
    line.send(topic, payload)
    line.send(PLACE.up("results"), batch(0, 1).encode())
    ingest.turn()
    assert ingest.counts == Counts(rows=1, refused=1)
    assert line.accepted == 2


@settings(max_examples=40, deadline=None)
@given(payload=st.binary(max_size=200), channel=st.sampled_from(["results", "ask", "metrics"]))
def test_no_payload_breaks_it(tmp_path_factory, payload, channel):
    line = Line()
    with Store(tmp_path_factory.mktemp("fuzz") / "fleet.db") as store:
        ingest = Ingest(store, line)
        line.send(PLACE.up(channel), payload)
        ingest.turn()
        assert (ingest.counts.refused, line.accepted) == (1, 1)


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(LOG) | st.just("results"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(
    fields=st.fixed_dictionaries(
        {}, optional={name: _ANY for name in ("schema", "stream", "log", "first_seq", "lost_before", "rows", "boot")}
    ),
    sound=st.sets(st.sampled_from(["schema", "stream", "log", "first_seq", "lost_before", "rows"])),
    channel=st.sampled_from(["results", "ask"]),
)
def test_no_message_breaks_it_however_sound_its_parts(tmp_path_factory, fields, sound, channel):
    good = json.loads(batch(3, 2, lost_before=1).encode())
    line = Line()
    with Store(tmp_path_factory.mktemp("fuzz") / "fleet.db") as store:
        ingest = Ingest(store, line)
        line.send(PLACE.up(channel), json.dumps(fields | {name: good[name] for name in sound}).encode())
        line.send(PLACE.up("events"), batch(0, 1, stream="events").encode())
        ingest.turn()
        assert line.accepted == 2
        assert len(store.rows("events")) == 1


def test_what_json_cannot_say_is_null_and_holds_nothing_up(ingest, line, store):
    rows = b'{"a":NaN,"b":[Infinity,1e999,-1e999],"c":1.5}'
    line.send(PLACE.up("results"), Batch("results", LOG, 0, 0, (rows,)).encode())
    ingest.turn()
    assert store.rows("results")[0][2] == '{"a":null,"b":[null,null,null],"c":1.5}'


def test_with_a_full_disk_nobody_is_told_and_later_everybody_is(ingest, line, store):
    store._database.execute("PRAGMA max_page_count = 8")
    line.send(PLACE.up("results"), batch(0, 3000).encode())
    for _ in range(2):
        with pytest.raises(UnavailableError, match="full"):
            ingest.turn()
    assert (line.accepted, line.said, ingest.counts) == (0, [], Counts())
    store._database.execute("PRAGMA max_page_count = 100000")
    ingest.turn()
    assert (line.accepted, ingest.counts) == (1, Counts(rows=3000))
    assert line.said[0][1].next_seq == {"results": 3000}


def test_without_room_on_the_link_the_newest_is_told_when_there_is_some(ingest, line):
    line.room = 0
    for first in (0, 3):
        line.send(PLACE.up("results"), batch(first, 3).encode())
        ingest.turn()
    line.room = 10
    ingest.turn()
    assert line.said == [(PLACE.down("ack"), Ack(LOG, {"results": 6}))]


def test_old_rows_go(store, line):
    ingest = Ingest(store, line, keep_s=100.0, unix_s=lambda: 1000.0)
    store.take([("a", batch(0, 3))], now_s=899.0)
    line.send(PLACE.up("results"), batch(0, 1).encode())
    ingest.turn()
    assert [device for _, device, _ in store.rows("results")] == ["press-4"]


def test_a_log_that_is_none_is_refused():
    with pytest.raises(InputError, match="log: expected 16 hexadecimal digits, got 'x'"):
        Ask(1, "x")
    with pytest.raises(InputError, match="next_seq: expected numbers of rows"):
        Ack(LOG, {"results": -1})


def test_it_imports_nothing_heavy():
    program = "import sys, edge_sdk.fleet.ingest, edge_sdk.broker.link; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert not {"numpy", "onnxruntime", "cv2", "tuf", "cryptography"} & set(done.stdout.split())


def test_on_a_real_broker_a_device_is_told_what_is_on_the_disk(tmp_path):
    is_over = threading.Event()
    with (
        Mosquitto(tmp_path) as broker,
        Store(tmp_path / "fleet.db") as store,
        Link(Broker("127.0.0.1", broker.port), LinkOptions("ingest", subscriptions("plant"))) as line,
        Link(Broker("127.0.0.1", broker.port), LinkOptions("press-4", (PLACE.all_down,))) as device,
    ):
        ingest = Ingest(store, line)
        running = threading.Thread(target=ingest.run, args=(is_over,))
        running.start()
        try:
            wait_until(lambda: ingest.is_connected and isinstance(device.next(timeout_s=0.1), Connected))
            for first in range(0, 1000, 100):
                device.publish(PLACE.up("results"), batch(first, 100).encode())
            told = []
            wait_until(lambda: told_next_seq(device, told) == 1000)
            assert len(store.rows("results")) == 1000
        finally:
            is_over.set()
            running.join()


def told_next_seq(device, told):
    happening = device.next(timeout_s=0.1)
    assert isinstance(happening, Acknowledged | Received | Lost | None)
    if isinstance(happening, Received):
        told.append(decode(Ack, happening.payload, where=happening.topic).next_seq["results"])
    return max(told, default=0)


def wait_until(condition, *, timeout_s=20.0):
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s
