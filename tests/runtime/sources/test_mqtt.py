from __future__ import annotations

import json
from contextlib import closing

import pytest

from edge_sdk.broker import Message
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.sources import open_sensor
from edge_sdk.runtime.sources.mqtt import MqttOptions, MqttRows
from tests.mosquitto import Mosquitto


class Heard:
    """A listener that has heard some messages; see `Mosquitto` for the real one."""

    def __init__(self, *messages):
        self._messages = [Message("t", payload, arrived_ns, dropped) for payload, arrived_ns, dropped in messages]

    def receive(self, *, timeout_s):
        return self._messages.pop(0) if self._messages else None

    def close(self):
        pass


def test_messages_of_a_real_broker_become_rows(tmp_path):
    with Mosquitto(tmp_path) as broker:
        uri = f"mqtt://{broker.address}/press/4?fields=accel.x,values.1&timeout_s=0.5"
        with closing(open_sensor(uri, ("x", "y"))) as sensor:
            one = {"accel": {"x": 1.5}, "values": [0, 2]}
            broker.publish("press/4", json.dumps(one), json.dumps([one, {"accel": {"x": 3}, "values": [0, 4]}]))
            rows = [sensor.read(), sensor.read()]
            with pytest.raises(
                UnavailableError, match=r"^mqtt://127.0.0.1:[0-9]+/press/4: expected messages, got none"
            ):
                sensor.read()
    assert [row.values.tolist() for row in rows] == [[[1.5, 2.0]], [[1.5, 2.0], [3.0, 4.0]]]
    assert sensor.clock == "arrival"


@pytest.mark.parametrize(
    ("payload", "got"),
    [
        (b"{", "Expecting property name"),
        (b"[]]", "Extra data"),
        (b'{"y": 1}', "no field 'x'"),
        (b'{"x": "1"}', "x = 1"),
        (b'{"x": true}', "x = True"),
        (b'{"x": NaN}', "x = nan"),
        (b"7", "'int' object is not subscriptable"),
        (b"[" * 100_000, "maximum recursion depth"),
        (b"\xff\xfe\x00", "'utf-16"),
    ],
)
def test_a_message_that_is_no_row_is_told_and_is_a_lost_row(payload, got):
    heard = Heard((payload, 1, 2), (b'{"x": 1}', 2, 0))
    sensor = MqttRows(heard, ("x",), name="mqtt://h/t", options=MqttOptions())
    with pytest.raises(InputError, match=r"^mqtt://h/t: expected JSON with numbers in x, got ") as caught:
        sensor.read()
    assert got in str(caught.value)
    assert sensor.read().lost == 3


def test_times_of_the_publisher_are_moved_to_our_clock_by_the_shortest_delay():
    sent_ms, delays_ms = [0, 10, 20, 30, 40], [9, 5, 80, 60, 5]
    heard = Heard(
        *(
            (json.dumps({"x": 1, "t_ms": 1e12 + t}).encode(), round((t + d) * 1e6), 0)
            for t, d in zip(sent_ms, delays_ms, strict=True)
        )
    )
    sensor = MqttRows(heard, ("x",), name="n", options=MqttOptions(time="t_ms"))
    stamps_ms = [sensor.read().stamps_ns[0] / 1e6 for _ in sent_ms]
    assert stamps_ms == [9, 15, 25, 35, 45]
    assert sensor.clock == "driver"


def test_a_clock_that_is_set_back_does_not_send_the_rows_into_the_past():
    heard = Heard(
        *((json.dumps({"x": 1, "t": t}).encode(), arrived, 0) for t, arrived in ((100, 10), (40, 20), (41, 30)))
    )
    sensor = MqttRows(heard, ("x",), name="n", options=MqttOptions(time="t"))
    assert [sensor.read().stamps_ns[0] for _ in range(2)] == [10, 20]


def test_a_password_in_the_address_is_refused():
    with pytest.raises(InputError, match=r"^mqtt://host/a: expected no name and password in the address$"):
        open_sensor("mqtt://user:secret@host/a", ("x",))
