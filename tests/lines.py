"""A device's channel of blocks over a real broker, by paho alone; and the operator's end of it."""

from __future__ import annotations

import queue
import threading
from contextlib import contextmanager

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge_sdk.fleet.blocks import BlockServer, Files
from edge_sdk.wire import Channel, Place

PLACE = Place("plant", "press-4")


class Line:
    """What `MqttSource` asks on and hears from."""

    def __init__(self, host, port, place=PLACE):
        self._place, self._blocks = place, queue.Queue()
        self._client = connect(host, port, place.down("block"), lambda message: self._blocks.put(message.payload))

    def ask(self, payload):
        self._client.publish(self._place.up("get"), payload)

    def answer(self, *, timeout_s):
        try:
            return self._blocks.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def close(self):
        disconnect(self._client)


@contextmanager
def serving(host, port, folder, *, publish=None, **how):
    """Serve a folder over the broker while the block runs; yield the server."""
    stop = threading.Event()
    client = None

    def send(topic, payload):
        client.publish(topic, payload)

    server = BlockServer(Files(folder), publish or send, **how)
    client = connect(
        host,
        port,
        "edge/v1/+/+/up/get",
        lambda message: server.ask(Channel.parse(message.topic).place, message.payload),
    )
    thread = threading.Thread(target=server.run, args=(stop,))
    thread.start()
    try:
        yield server
    finally:
        stop.set()
        thread.join()
        disconnect(client)


def connect(host, port, topic, receive):
    client, is_there = Client(CallbackAPIVersion.VERSION2), threading.Event()
    client.max_queued_messages_set(0)
    client.on_message = lambda _client, _data, message: receive(message)
    client.on_subscribe = lambda *_: is_there.set()
    client.on_connect = lambda *_: client.subscribe(topic)
    client.connect(host, port)
    client.loop_start()
    assert is_there.wait(10)
    return client


def disconnect(client):
    client.disconnect()
    client.loop_stop()
