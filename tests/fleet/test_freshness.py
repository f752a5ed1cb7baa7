"""The repository's metadata stay fresh while a fleet is served, and an outage is told."""

from __future__ import annotations

import json
import time

import pytest

from edge_sdk.fleet.folder import Fleet, Settings
from edge_sdk.fleet.freshness import Freshness
from tests.fleet.conftest import NOW_S


@pytest.fixture
def fleet(tmp_path):
    return Fleet.create(tmp_path / "plant", Settings("plant", ("localhost",)), now_s=NOW_S)


def version(fleet):
    timestamp = (fleet.path / "repository" / "metadata" / "timestamp.json").read_bytes()
    return json.loads(timestamp)["signed"]["version"]


def test_a_timestamp_is_signed_now_and_again(fleet):
    before = version(fleet)
    with Freshness(fleet, period_s=0.05) as fresh:
        end_s = time.monotonic() + 10
        while fresh.refreshed < 3:
            assert time.monotonic() < end_s
            time.sleep(0.02)
        assert fresh.is_alive
    assert version(fleet) == before + fresh.refreshed
    assert not fresh.is_alive


def test_a_key_that_is_not_the_repositorys_is_told(fleet, tmp_path):
    other = Fleet.create(tmp_path / "other", Settings("other", ("localhost",)), now_s=NOW_S)
    fresh = Freshness(fleet)
    assert fresh.refresh()
    key = fleet.path / "keys-online" / "online-1.pem"
    key.write_bytes((other.path / "keys-online" / "online-1.pem").read_bytes())
    assert not fresh.refresh()
    assert fresh.failure == "the online key is not the one of the repository"
    key.write_bytes(b"none")
    assert not fresh.refresh()
    assert "expected a private key and its passphrase" in fresh.failure
