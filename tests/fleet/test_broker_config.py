"""The hardened configuration, tried on a real Mosquitto: what a device may do, and what it may not."""

from __future__ import annotations

import signal

import pytest

from edge_sdk.errors import InputError
from edge_sdk.fleet.broker_config import INGEST, MAX_PACKET_BYTES, Broker, configuration, write_broker
from tests.fleet.conftest import NOW_S
from tests.fleet.hardened import Client, free_port, identity_of, started

UP, DOWN = "edge/v1/plant/press-4/up/results", "edge/v1/plant/press-4/down/ack"
TAKEN = {"No matching subscribers"}
OTHERS_UP, OTHERS_DOWN = UP.replace("press-4", "press-5"), DOWN.replace("press-4", "press-5")


@pytest.fixture
def broker(tmp_path, authority):
    """The written folder of a broker, on a free port of this machine."""
    broker = Broker(tmp_path / "broker", free_port(), "127.0.0.1", tmp_path.owner())
    identity = authority.server(["localhost", "127.0.0.1"], now_s=NOW_S)
    write_broker(broker, authority, identity, fleet="plant")
    return broker


@pytest.fixture
def join(tmp_path, authority, broker):
    """Connect somebody by a certificate of the fleet."""

    def connect(name, identity=None, **how):
        identity = identity or (
            authority.client(name, now_s=NOW_S) if ":" in name else identity_of(authority, name, now_s=NOW_S)
        )
        return Client(tmp_path / "clients" / name, broker.port, identity, ca_pem=authority.ca_pem, **how)

    return connect


def test_a_device_speaks_and_hears_on_its_own_branch_alone(broker, join):
    with started(broker), join(INGEST) as ingest, join("press-4") as device, join("press-5") as other:
        assert ingest.subscribe("edge/v1/plant/+/up/+") == "Granted QoS 1"
        for client, down in ((device, DOWN), (other, OTHERS_DOWN)):
            assert client.subscribe(down) == "Granted QoS 1"
            assert client.subscribe("#") == client.subscribe("edge/v1/plant/+/down/+") == "Granted QoS 1"
        assert device.publish(UP) == "Success"
        assert ingest.hears(UP)
        assert device.publish(OTHERS_UP) == device.publish(DOWN) == device.publish(OTHERS_DOWN) == "Not authorized"
        assert device.publish("edge/v1/plant/press-4/up/results/more") == "Not authorized"
        assert device.publish("edge/v1/other/press-4/up/results") == "Not authorized"
        assert ingest.publish(OTHERS_DOWN) == ingest.publish(DOWN) == "Success"
        assert other.hears(OTHERS_DOWN)
        assert device.hears(DOWN)
        assert set(device.heard) == {DOWN}
        assert set(other.heard) == {OTHERS_DOWN}


def test_nobody_comes_in_without_a_certificate_of_the_fleet(broker, tmp_path, authority, join):
    from edge_sdk.fleet.authority import Authority

    stranger = Authority.create(tmp_path / "stranger", fleet="plant", now_s=NOW_S)
    server = authority.server(["press-4"], now_s=NOW_S)
    with started(broker):
        with join("press-4") as device:
            assert device.paho.is_connected()
        for identity in (None, identity_of(stranger, "press-4", now_s=NOW_S), server):
            with pytest.raises(OSError):
                Client(tmp_path / "clients" / "x", broker.port, identity, ca_pem=authority.ca_pem)


def test_a_device_cannot_end_the_connection_of_another_by_its_name(broker, join):
    with started(broker), join("press-4", client_id="press-4") as device:
        with join("press-5", client_id="press-4") as other:
            assert {device.publish(UP), other.publish(OTHERS_UP)} == TAKEN
        assert device.paho.is_connected()


def test_a_revoked_device_stays_outside(broker, authority, join):
    identity = identity_of(authority, "press-4", now_s=NOW_S)
    with started(broker) as process:
        with join("press-4", identity) as device:
            assert device.paho.is_connected()
        authority.revoke("press-4", now_s=NOW_S)
        write_broker(broker, authority, None, fleet="plant")
        process.send_signal(signal.SIGHUP)
        with pytest.raises(OSError):
            for _ in range(100):  # until the broker has read it
                join("press-4", identity).__exit__()
        with join("press-5") as other:
            assert other.paho.is_connected()


def test_a_message_that_is_too_large_ends_the_connection(broker, join):
    with started(broker), join("press-4") as device:
        assert {device.publish(UP, bytes(MAX_PACKET_BYTES - 200))} == TAKEN
        device.paho.publish(UP, bytes(MAX_PACKET_BYTES + 1), qos=1)
        assert device.is_cut_off()


def test_a_path_that_mosquitto_would_cut_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected a path without spaces for Mosquitto"):
        configuration(Broker(tmp_path / "my broker", 8883, "", "mosquitto"))
