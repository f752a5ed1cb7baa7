from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest

from edge_sdk.broker import Access, Listener, Publisher, Topic, read_access
from edge_sdk.errors import InputError, UnavailableError
from tests.mosquitto import Mosquitto


def listen(broker, name="press/+", **options):
    return closing(Listener(Topic("127.0.0.1", broker.port, name), **options))


def test_an_address_is_read():
    assert Topic.parse("mqtt://host/a/+/b#") == Topic("host", 1883, "a/+/b#")
    assert Topic.parse("mqtts://10.0.0.1/a") == Topic("10.0.0.1", 8883, "a", is_encrypted=True)
    assert str(Topic.parse("mqtt://[::1]:5/a")) == "mqtt://::1:5/a"


@pytest.mark.parametrize("uri", ["mqtt://host", "mqtt://host/", "mqtt:/host/a", "mqtt://ho:st:1/a", "http://host/a"])
def test_what_is_no_address_is_told(uri):
    with pytest.raises(InputError, match=r"expected mqtt://HOST/TOPIC or mqtts://HOST/TOPIC$"):
        Topic.parse(uri)


def test_a_password_in_an_address_is_refused_and_not_shown():
    with pytest.raises(InputError) as caught:
        Topic.parse("mqtt://user:secret@host/a")
    assert str(caught.value) == "mqtt://host/a: expected no name and password in the address"
    assert caught.value.hint == "say access=FILE.toml"


def test_messages_come_with_their_topic_and_time(tmp_path):
    before_ns = time.monotonic_ns()
    with Mosquitto(tmp_path) as broker, listen(broker) as listener:
        broker.publish("press/4", b"one", b"two")
        broker.publish("other/4", b"no")
        messages = [listener.receive(timeout_s=5), listener.receive(timeout_s=5)]
        assert listener.receive(timeout_s=0.1) is None
    assert [(m.topic, m.payload, m.dropped) for m in messages] == [("press/4", b"one", 0), ("press/4", b"two", 0)]
    assert before_ns < messages[0].arrived_ns <= messages[1].arrived_ns < time.monotonic_ns()


def test_what_the_broker_kept_from_before_is_passed_over(tmp_path):
    with Mosquitto(tmp_path) as broker:
        broker.publish("press/4", b"old", retain=True)
        with listen(broker) as listener:
            broker.publish("press/4", b"new")
            assert listener.receive(timeout_s=5).payload == b"new"


def test_messages_that_nobody_takes_are_dropped_and_counted(tmp_path):
    with Mosquitto(tmp_path) as broker, listen(broker, max_messages=2) as listener:
        broker.publish("press/4", *(b"%d" % i for i in range(5)))
        until_s = time.monotonic() + 10
        while listener.dropped < 3 and time.monotonic() < until_s:
            time.sleep(0.01)
        taken = [listener.receive(timeout_s=1) for _ in range(2)]
        broker.publish("press/4", b"5")
        taken.append(listener.receive(timeout_s=5))
    assert [message.payload for message in taken] == [b"0", b"1", b"5"]
    assert sum(message.dropped for message in taken) == 3


def test_a_broker_that_comes_back_is_found_again(tmp_path):
    broker = Mosquitto(tmp_path)
    with broker, listen(broker) as listener:
        broker.__exit__()
        assert listener.receive(timeout_s=0.2) is None
        broker.__enter__()
        stop = threading.Event()
        talking = threading.Thread(
            target=lambda: [broker.publish("press/4", b"x") for _ in iter(lambda: stop.wait(0.2), True)]
        )
        talking.start()
        message = listener.receive(timeout_s=20)
        stop.set()
        talking.join()
    assert message.payload == b"x"


def test_no_broker_is_unavailable():
    with pytest.raises(UnavailableError, match=r"^mqtt://127.0.0.1:9/a: expected a broker, got "):
        Listener(Topic("127.0.0.1", 9, "a"))


def test_only_who_has_the_password_is_let_in(tmp_path):
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed")
    (tmp_path / "passwords").touch()
    subprocess.run(
        ["mosquitto_passwd", "-b", tmp_path / "passwords", "press", "right"], check=True, capture_output=True
    )
    (tmp_path / "access.toml").write_text('user = "press"\npassword = "right"\n')
    with Mosquitto(tmp_path, "allow_anonymous false", f"password_file {tmp_path / 'passwords'}") as broker:
        with listen(broker, access=read_access(tmp_path / "access.toml")):
            pass
        with pytest.raises(UnavailableError, match=r"expected a subscription, got Not authorized$"):
            Listener(Topic("127.0.0.1", broker.port, "a"), access=Access("press", "wrong"))


def test_a_broker_is_believed_by_its_certificate_alone(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    for name in ("broker", "other"):
        command = (
            f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout {name}.key -out {name}.pem"
        )
        alternative = ["-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run([*command.split(), *alternative], cwd=tmp_path, check=True, capture_output=True)
    lines = ["allow_anonymous true", f"certfile {tmp_path}/broker.pem", f"keyfile {tmp_path}/broker.key"]
    with Mosquitto(tmp_path, *lines) as broker:
        topic = Topic("127.0.0.1", broker.port, "a", is_encrypted=True)
        with closing(Listener(topic, access=Access(ca=str(tmp_path / "broker.pem")))):
            pass
        with pytest.raises(UnavailableError, match=r"expected a broker, got .*certificate verify failed"):
            Listener(topic, access=Access(ca=str(tmp_path / "other.pem")))
        with pytest.raises(InputError, match=r"expected none.pem, got "):
            Listener(topic, access=Access(ca="none.pem"))


def publish(broker, **options):
    return Publisher(Topic("127.0.0.1", broker.port, "press"), **options)


def test_what_is_published_comes(tmp_path):
    with Mosquitto(tmp_path) as broker, listen(broker) as listener, closing(publish(broker)) as publisher:
        for number in range(50):  # more than may be on their way at once
            publisher.publish("press/4", b"%d" % number, timeout_s=5)
        assert [listener.receive(timeout_s=5).payload for _ in range(50)] == [b"%d" % number for number in range(50)]


def test_a_broker_that_is_away_is_told_in_time_and_found_again(tmp_path):
    broker = Mosquitto(tmp_path)
    with broker, closing(publish(broker)) as publisher:
        broker.__exit__()
        until_s = time.monotonic() + 10
        with pytest.raises(UnavailableError, match=r"expected to publish within 0.2 s, got no "):
            while time.monotonic() < until_s:
                publisher.publish("press/4", b"lost", timeout_s=0.2)
        broker.__enter__()
        with listen(broker) as listener:
            publisher.publish("press/4", b"new", timeout_s=20)
            payloads = iter(lambda: listener.receive(timeout_s=5).payload, b"new")
            assert set(payloads) <= {b"lost"}  # those that were sent before the break was seen


def test_the_will_is_done_where_a_publisher_goes_without_a_word(tmp_path):
    program = """
import sys, time
from edge_sdk.broker import Publisher, Topic, Will
Publisher(Topic("127.0.0.1", int(sys.argv[1]), "a"), will=Will("a/state", b"offline"))
print("in", flush=True)
time.sleep(60)
"""
    with Mosquitto(tmp_path) as broker:
        command = [sys.executable, "-c", program, str(broker.port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"in\n"
            assert broker.kept("a/state") is None
            process.kill()
        assert wait_for(lambda: broker.kept("a/state")) == b"offline"


def test_a_publisher_that_is_not_let_in_says_why(tmp_path):
    with Mosquitto(tmp_path, "allow_anonymous false") as broker, pytest.raises(UnavailableError) as caught:
        publish(broker)
    assert str(caught.value).endswith("/press: expected a broker that lets us in, got Not authorized")


def wait_for(value):
    until_s = time.monotonic() + 10
    while not (found := value()) and time.monotonic() < until_s:
        time.sleep(0.02)
    return found
