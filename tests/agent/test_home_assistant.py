"""The mapper for Home Assistant: what its documentation of discovery and of the update entity demands."""

from __future__ import annotations

import json
import re

import pytest

from edge_sdk.agent import home_assistant
from edge_sdk.agent.worker.messages import Beat
from edge_sdk.wire import Place
from edge_sdk.wire.messages import Reported, UpdateReport

PLACE = Place("plant", "press-4")
KEYS = {
    "sensor": {"unit_of_measurement", "device_class", "state_class", "entity_category", "icon"},
    "binary_sensor": {"device_class"},
    "update": set(),
}
"""What each platform takes besides platform, name, unique_id and value_template, of what we use."""


def told(reported, beat=None):
    message = home_assistant.state(PLACE, reported, beat)
    assert message.topic == "edge-sdk/plant/press-4/state"
    return json.loads(message.payload)


def test_the_discovery_is_a_device_with_its_entities():
    message = home_assistant.discovery(PLACE)
    prefix, kind, object_id, config = message.topic.split("/")
    assert (prefix, kind, config) == ("homeassistant", "device", "config")
    payload = json.loads(message.payload)
    assert {"device", "origin", "components", "state_topic", "availability_topic", "qos"} == set(payload)
    assert payload["device"]["identifiers"] == [object_id]
    assert payload["availability_topic"] == home_assistant.availability_topic(PLACE)
    entities = payload["components"]
    assert {entity["platform"] for entity in entities.values()} == set(KEYS)
    for name, entity in entities.items():
        assert entity["unique_id"] == name
        extra = set(entity) - {"platform", "name", "unique_id", "value_template"}
        assert extra <= KEYS[entity["platform"]], name


def test_each_template_finds_its_value_in_the_state():
    payload = told(Reported(boot=1), Beat("running", results=9, latency_p50_ms=3.21, resident_bytes=50_000_000))
    for entity in json.loads(home_assistant.discovery(PLACE).payload)["components"].values():
        [path] = re.findall(r"value_json\.([a-z_]+)", entity["value_template"])
        assert path in payload
    assert (payload["results_per_s"], payload["latency_ms"], payload["memory_mb"]) == (9, 3.2, 50.0)


@pytest.mark.parametrize("device", ["press.4", "press-4", "press_4", "x" * 64])
def test_the_id_has_the_letters_that_home_assistant_takes(device):
    ids = {home_assistant.discovery(Place("plant", name)).topic.split("/")[2] for name in (device, "other")}
    assert len(ids) == 2
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", one) for one in ids)


def test_names_that_look_alike_stay_apart():
    names = ("press.4", "press_4")
    assert len({home_assistant.discovery(Place("plant", name)).topic for name in names}) == 2
    places = (Place("a", "b-c"), Place("a-b", "c"))
    assert len({home_assistant.discovery(place).topic for place in places}) == 2


@pytest.mark.parametrize(
    ("update", "in_progress", "percentage", "latest"),
    [
        (UpdateReport(), False, None, "parts-1"),
        (UpdateReport("fetching", "parts-2", "", 30, 120), True, 25, "parts-2"),
        (UpdateReport("fetching", "parts-2", "", 0, 0), True, None, "parts-2"),
        (UpdateReport("trial", "parts-2", "", 120, 120), True, None, "parts-2"),
        (UpdateReport("confirmed", "parts-1"), False, None, "parts-1"),
        (UpdateReport("refused", "parts-2", "agreement 0.2 is below 0.9"), False, None, "parts-2"),
    ],
)
def test_the_update_entity_follows_an_update(update, in_progress, percentage, latest):
    entity = told(Reported(boot=1, release="parts-1", update=update))["update"]
    assert entity["installed_version"] == "parts-1"
    assert (entity["in_progress"], entity["update_percentage"], entity["latest_version"]) == (
        in_progress,
        percentage,
        latest,
    )
    assert entity["release_summary"] == update.reason


def test_a_worker_that_fails_is_a_problem_with_a_cause():
    good = told(Reported(boot=1, worker="running"))
    assert (good["problem"], good["worker"], good["cause"]) == ("OFF", "running", "")
    failed = told(Reported(boot=1, worker="failed: camera:0: no frame for 5 s"))
    assert (failed["problem"], failed["worker"], failed["cause"]) == ("ON", "failed", "camera:0: no frame for 5 s")
    refused = told(Reported(boot=1, worker="running", update=UpdateReport("refused", "parts-2", "too slow")))
    assert (refused["problem"], refused["worker"], refused["cause"]) == ("ON", "running", "too slow")


def test_a_long_reason_is_cut_where_home_assistant_would_refuse_it():
    payload = told(Reported(boot=1, update=UpdateReport("refused", "parts-2", "x" * 1000)))
    assert len(payload["update"]["release_summary"]) == len(payload["cause"]) == 255


def test_removal_is_an_empty_message_on_the_same_topic():
    assert home_assistant.removal(PLACE) == home_assistant.Told(home_assistant.discovery(PLACE).topic, b"")
