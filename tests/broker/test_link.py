import contextlib
import socket
import threading
import time

import pytest

from edge_sdk.broker.access import Access
from edge_sdk.broker.address import Broker, Will
from edge_sdk.broker.happening import Acknowledged, Connected, Lost, Received, Refused
from edge_sdk.broker.link import Link
from edge_sdk.broker.pauses import Pauses
from edge_sdk.broker.record import LinkOptions
from edge_sdk.errors import InputError
from tests.mosquitto import Mosquitto

_LONG_S = 15


def where(broker):
    return Broker("127.0.0.1", broker.port)


def wait_for(link, kind, *, timeout_s=_LONG_S):
    """Return the next happening of a kind; others are passed over."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        happening = link.next(timeout_s=0.2)
        if isinstance(happening, kind):
            return happening
    raise AssertionError(f"no {kind.__name__} within {timeout_s} s")


def options(name, *subscriptions, **more):
    return LinkOptions(name, subscriptions, longest_pause_s=0.2, **more)


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path) as mosquitto:
        yield mosquitto


def test_what_is_published_comes_and_is_acknowledged(broker):
    with Link(where(broker), options("a", "x/+")) as link:
        assert wait_for(link, Connected).version == "5"
        number = link.publish("x/1", b"hello")
        happened = {type(one): one for one in (link.next(timeout_s=5), link.next(timeout_s=5))}
        assert happened[Acknowledged] == Acknowledged(number)
        received = happened[Received]
        assert (received.topic, received.payload, received.is_retained) == ("x/1", b"hello", False)
        received.accept()


def test_what_the_broker_had_kept_is_told_so(broker):
    broker.publish("x/1", b"old", retain=True)
    with Link(where(broker), options("a", "x/+")) as link:
        assert wait_for(link, Received).is_retained


def test_without_a_connection_nothing_is_taken():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = Broker("127.0.0.1", free.getsockname()[1])
    with Link(closed, options("a")) as link:
        assert "refused" in wait_for(link, Lost).reason.lower()
        assert link.publish("x", b"") is None


def test_a_broker_that_goes_and_comes_is_found_again(tmp_path):
    mosquitto = Mosquitto(tmp_path)
    with mosquitto, Link(where(mosquitto), options("a", "x")) as link:
        wait_for(link, Connected)
        mosquitto._process.kill()
        mosquitto._process.wait()
        assert wait_for(link, Lost).unacknowledged == ()
        mosquitto.__enter__()
        wait_for(link, Connected)
        link.publish("x", b"again")
        assert wait_for(link, Received).payload == b"again"


def test_a_broker_that_hangs_is_given_up_and_what_it_did_not_acknowledge_is_told(broker):
    with Link(where(broker), options("a", keepalive_s=1)) as link:
        wait_for(link, Connected)
        broker.pause()
        try:
            number = link.publish("x", b"")
            assert number in wait_for(link, Lost).unacknowledged
        finally:
            broker.go_on()
        wait_for(link, Connected)


def test_what_a_broker_refuses_is_told_and_the_rest_goes_on(tmp_path):
    (tmp_path / "acl").write_text("topic readwrite mine/#\n")
    with (
        Mosquitto(tmp_path, "allow_anonymous true", f"acl_file {tmp_path / 'acl'}") as broker,
        Link(where(broker), options("a", "mine/#")) as link,
    ):
        wait_for(link, Connected)
        number = link.publish("yours/1", b"")
        refused = wait_for(link, Refused)
        assert (refused.what, refused.number) == ("yours/1", number)
        assert "authorized" in refused.reason
        link.publish("mine/1", b"good")
        assert wait_for(link, Received).payload == b"good"


def test_a_broker_that_does_not_let_us_in_says_why(tmp_path):
    with Mosquitto(tmp_path, "allow_anonymous false") as broker, Link(where(broker), options("a")) as link:
        assert "authorized" in wait_for(link, Lost).reason.lower()


def test_what_is_too_large_for_the_broker_is_refused_before_it_is_sent(tmp_path):
    with (
        Mosquitto(tmp_path, "allow_anonymous true", "max_packet_size 2000") as broker,
        Link(where(broker), options("a", "x")) as link,
    ):
        assert wait_for(link, Connected).max_packet_bytes == 2000
        with pytest.raises(InputError, match="x: expected at most 2000 bytes, got 2017"):
            link.publish("x", bytes(2000))
        link.publish("x", bytes(1900))
        assert len(wait_for(link, Received).payload) == 1900


def test_the_will_is_said_when_we_are_gone_without_a_word_and_not_after_a_farewell(broker):
    listening = Link(where(broker), options("ear", "state"))
    wait_for(listening, Connected)
    wait_for(Link(where(broker), options("same", will=Will("state", b"gone"))), Connected)
    second = Link(where(broker), options("same", will=Will("state", b"left")))  # throws the first one out
    assert wait_for(listening, Received).payload == b"gone"
    wait_for(second, Connected)
    second.close()
    listening.close()


def test_many_messages_all_come_once_each(broker):
    with Link(where(broker), options("a", "x")) as link:
        wait_for(link, Connected)
        sent, received, acknowledged = 0, [], 0
        end = time.monotonic() + 60
        while len(received) < 2000 or acknowledged < 2000:
            assert time.monotonic() < end
            if sent < 2000 and link.publish("x", str(sent).encode()) is not None:
                sent += 1
                continue
            happening = link.next(timeout_s=1)
            acknowledged += isinstance(happening, Acknowledged)
            if isinstance(happening, Received):
                received.append(int(happening.payload))
                happening.accept()
        assert received == list(range(2000))


def test_messages_that_nobody_takes_hold_the_broker_up_and_then_come(broker):
    with Link(where(broker), options("slow", "x")) as link:
        wait_for(link, Connected)
        broker.publish("x", *(str(number).encode() for number in range(600)))
        time.sleep(0.5)
        assert link._happenings.qsize() <= 320
        came = 0
        while came < 600:
            wait_for(link, Received).accept()
            came += 1


@contextlib.contextmanager
def answering(answer):
    """A server that gives each connection, by its first packet, an answer, and closes it if there is none."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    said = answer(connection.recv(4096))
                    if said is None:
                        connection.close()
                        continue
                    connection.sendall(said)
                    kept.append(connection)

        kept = []
        threading.Thread(target=serve, daemon=True).start()
        yield Broker("127.0.0.1", server.getsockname()[1])
        server.close()
        for connection in kept:
            connection.close()


@pytest.mark.parametrize("to_5", [None, b"\x20\x02\x00\x01", b"\x20\x03\x00\x84\x00", b"\xff\xff\xff\xff\xff\xff"])
def test_a_broker_that_speaks_3_1_1_only_is_spoken_to_so(to_5):
    def answer(packet):
        return b"\x20\x02\x00\x00" if packet[8] == 4 else to_5

    with answering(answer) as broker, Link(broker, options("a", keepalive_s=5)) as link:
        assert wait_for(link, Connected).version == "3.1.1"


@pytest.mark.parametrize("nonsense", [b"\x00", b"\x30\x02\xff\xff", b"\x20\x01", b"GET / HTTP/1.1\r\n\r\n"])
def test_nonsense_ends_a_connection_and_never_the_link(nonsense):
    with answering(lambda _: nonsense) as broker, Link(broker, options("a", keepalive_s=1)) as link:
        for _ in range(2):
            assert wait_for(link, Lost, timeout_s=30).reason


def test_certificates_that_are_not_there_are_told_at_once():
    with pytest.raises(InputError, match=r"mqtts://localhost:8883: expected no.pem, got"):
        Link(Broker("localhost", 8883, is_encrypted=True), options("a", access=Access(ca="no.pem")))


def test_addresses_are_read():
    assert Broker.parse("mqtts://broker.plant") == Broker("broker.plant", 8883, is_encrypted=True)
    assert str(Broker.parse("mqtt://[::1]:1884/")) == "mqtt://[::1]:1884"
    with pytest.raises(InputError, match=r"broker: expected mqtt://HOST"):
        Broker.parse("mqtt://user:secret@broker")


def test_pauses_grow_to_a_bound_and_begin_anew_after_a_good_connection():
    pauses = Pauses(longest_s=8.0, draw=lambda *bounds: bounds[1])
    assert [pauses.after(held_s=held) for held in (0.0, 0.0, 0.0, 5.0, 100.0, 0.0)] == [2.0, 4.0, 8.0, 8.0, 1.0, 2.0]
