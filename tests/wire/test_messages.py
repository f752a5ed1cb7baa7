import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_sdk.errors import InputError
from edge_sdk.wire import Channel, Place, decode, encode
from edge_sdk.wire.blocks import Block, Get
from edge_sdk.wire.messages import (
    Ack,
    Ask,
    Batch,
    Command,
    Commands,
    CommandState,
    CommandStates,
    Desired,
    Reported,
    Status,
    UpdateReport,
)
from edge_sdk.wire.release import Assignment, Gates, PackageTarget, Release
from edge_sdk.wire.topics import all_up

_LOG = "0123456789abcdef"
_MESSAGES = (
    Status(online=True, boot=3),
    Reported(boot=1, update=UpdateReport("trial", "parts-2"), dropped={"results": 4}, versions={"python": "3.11"}),
    Ack(_LOG, {"results": 12}),
    Ask(1, _LOG),
    Desired(4, "parts-2"),
    Commands(2, (Command("a-1", "rate", {"hz": "5"}),)),
    CommandStates({"a-1": CommandState("failed", "expected a number")}),
    Get(1, "metadata/2.root.json", 0, 8),
    Release("parts", 2, {"fp32": PackageTarget("packages/a.edge", "0" * 64, 10, "packages/a.blocks", "1" * 64)}),
    Assignment(3, "parts-2"),
)


@pytest.mark.parametrize("message", _MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_was(message):
    assert decode(type(message), encode(message), where="here") == message


@pytest.mark.parametrize("message", _MESSAGES, ids=lambda message: type(message).__name__)
def test_a_field_of_a_newer_program_is_passed_over(message):
    newer = json.dumps({**json.loads(encode(message)), "colour": "red"}).encode()
    assert decode(type(message), newer, where="here") == message


@pytest.mark.parametrize("message", _MESSAGES, ids=lambda message: type(message).__name__)
@given(data=st.data())
def test_any_bytes_are_a_message_or_an_input_error(message, data):
    payload = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(type(message), bytes(payload), where="here")
    except InputError as exc:
        assert str(exc).startswith("here: ")


def test_another_schema_is_refused():
    with pytest.raises(InputError, match="here: expected schema 1, got 2"):
        decode(Ask, b'{"schema":2,"boot":1}', where="here")


@pytest.mark.parametrize("payload", [b"", b"[1]", b"\xff", b"[" * 100_000, b"1" * (1 << 21)])
def test_what_is_no_message_is_refused(payload):
    with pytest.raises(InputError, match="here: "):
        decode(Ask, payload, where="here")


def test_rows_are_carried_as_they_are():
    batch = Batch("results", _LOG, 7, 5, (b'{"a":1}', b'{"b":"\xc3\xa9"}'))
    assert Batch.decode(batch.encode(), where="here") == batch
    assert json.loads(batch.encode())["rows"] == [{"a": 1}, {"b": "é"}]


def test_rows_must_be_objects():
    with pytest.raises(InputError, match="here: rows: expected a list of JSON objects"):
        Batch.decode(Batch("results", _LOG, 0, 0, (b"1",)).encode(), where="here")


@given(st.binary(max_size=300), st.integers(0, 1 << 40))
def test_a_block_comes_back_as_it_was(data, index):
    block = Block(3, "targets/a", index, 1 << 41, is_found=True, data=data)
    assert Block.decode(block.encode(), where="here") == block


@given(st.binary(max_size=4000))
def test_any_bytes_are_a_block_or_an_input_error(payload):
    with pytest.raises(InputError):
        Block.decode(payload, where="here")


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../a", "a/../b", "a//b", "a/", ".a", "a\x00", "a" * 600])
def test_a_file_that_could_lead_elsewhere_is_refused(name):
    with pytest.raises(InputError, match="file: expected"):
        Get(1, name, 0, 1)


def test_a_topic_is_taken_apart():
    place = Place("plant", "press-4")
    assert place.up("results") == "edge/v1/plant/press-4/up/results"
    assert Channel.parse(place.down("ack")) == Channel(place, "down", "ack")
    assert all_up("plant", "results") == "edge/v1/plant/+/up/results"
    assert place.all_down == "edge/v1/plant/press-4/down/+"


@pytest.mark.parametrize(
    "topic",
    ["", "edge/v1/a/b/up", "edge/v2/a/b/up/ask", "edge/v1/a/b/up/ack", "edge/v1/+/b/up/ask", "edge/v1/a/b/in/ask"],
)
def test_a_topic_of_another_kind_is_refused(topic):
    with pytest.raises(InputError):
        Channel.parse(topic)


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "a b", "x" * 200])
def test_a_device_must_have_a_safe_name(name):
    with pytest.raises(InputError, match="device: expected"):
        Place("plant", name)


@pytest.mark.parametrize(
    "wrong", [{"min_agreement": 1.1}, {"trial_results": 0}, {"offline_s": -1.0}, {"max_latency_ratio": 0.0}]
)
def test_gates_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        Gates(**wrong)
