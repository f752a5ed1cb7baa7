"""A link to the fleet's own hardened Mosquitto: certificates at both ends, real ones."""

from __future__ import annotations

import time

import pytest

from edge_sdk.broker.access import Access
from edge_sdk.broker.address import Broker
from edge_sdk.broker.happening import Acknowledged, Connected, Lost, Refused
from edge_sdk.broker.link import Link
from edge_sdk.broker.record import LinkOptions
from edge_sdk.fleet import broker_config
from edge_sdk.fleet.authority import Authority
from tests.broker.test_link import wait_for
from tests.fleet.hardened import free_port, identity_of, started

_NOW_S = int(time.time())


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.create(tmp_path_factory.mktemp("authority"), fleet="plant", now_s=_NOW_S)


@pytest.fixture(scope="module")
def broker(tmp_path_factory, authority):
    """Mosquitto, whose certificate is for `localhost` alone."""
    folder = tmp_path_factory.mktemp("broker")
    broker = broker_config.Broker(folder, free_port(), "127.0.0.1", folder.owner())
    broker_config.write_broker(broker, authority, authority.server(["localhost"], now_s=_NOW_S), fleet="plant")
    with started(broker):
        yield broker


def access_of(folder, authority, device=None, *, believes=None):
    """Write what a device has of its fleet; return it."""
    folder.mkdir(exist_ok=True)
    (folder / "ca.pem").write_bytes((believes or authority).ca_pem)
    if device is None:
        return Access(ca=str(folder / "ca.pem"))
    identity_of(authority, device, now_s=_NOW_S).write(folder)
    ca, certificate, key = (str(folder / name) for name in ("ca.pem", "certificate.pem", "key.pem"))
    return Access(ca=ca, certificate=certificate, key=key)


def linked(broker, access, *, host="localhost"):
    options = LinkOptions("press-4", access=access, longest_pause_s=0.2)
    return Link(Broker(host, broker.port, is_encrypted=True), options)


def test_a_device_comes_in_by_its_certificate_and_speaks_on_its_own_branch_alone(broker, authority, tmp_path):
    with linked(broker, access_of(tmp_path, authority, "press-4")) as link:
        assert wait_for(link, Connected).version == "5"
        assert link.publish("edge/v1/plant/press-4/up/results", b"{}") == wait_for(link, Acknowledged).number
        number = link.publish("edge/v1/plant/press-5/up/results", b"{}")
        assert wait_for(link, Refused).number == number


def test_a_broker_of_another_name_is_not_spoken_to(broker, authority, tmp_path):
    with linked(broker, access_of(tmp_path, authority, "press-4"), host="127.0.0.1") as link:
        assert "IP address mismatch" in wait_for(link, Lost).reason


def test_a_broker_of_another_authority_is_not_spoken_to(broker, authority, tmp_path):
    other = Authority.create(tmp_path / "other", fleet="plant", now_s=_NOW_S)
    with linked(broker, access_of(tmp_path / "board", authority, "press-4", believes=other)) as link:
        assert "certificate verify failed" in wait_for(link, Lost).reason


def test_without_a_certificate_nobody_comes_in(broker, authority, tmp_path):
    with linked(broker, access_of(tmp_path, authority)) as link:
        assert wait_for(link, Lost).reason.startswith("failed to ")


def test_a_certificate_that_was_revoked_lets_nobody_in(authority, tmp_path):
    access = access_of(tmp_path / "board", authority, "press-9")
    authority.revoke("press-9", now_s=_NOW_S)
    broker = broker_config.Broker(tmp_path / "broker", free_port(), "127.0.0.1", tmp_path.owner())
    broker.folder.mkdir()
    broker_config.write_broker(broker, authority, authority.server(["localhost"], now_s=_NOW_S), fleet="plant")
    with started(broker), linked(broker, access) as link:
        assert wait_for(link, Lost).reason.startswith("failed to ")
