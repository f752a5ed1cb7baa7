"""The link to Home Assistant's broker, on a real one."""

from __future__ import annotations

import json
import time

import pytest

from edge_sdk.agent import home_assistant
from edge_sdk.agent.home_assistant_link import HomeAssistantLink, Neighbour
from edge_sdk.agent.worker.messages import Beat
from edge_sdk.errors import InputError
from edge_sdk.wire import Place
from edge_sdk.wire.messages import Reported
from tests.mosquitto import Mosquitto

PLACE = Place("plant", "press-4")


def shown(link, reported, beat=None, *, now_s=0.0):
    """Show until the link is connected and has said it."""
    end_s = time.monotonic() + 10
    while not link.is_connected:
        assert time.monotonic() < end_s
        link.show(reported, beat, now_s=now_s)
        time.sleep(0.02)
    link.show(reported, beat, now_s=now_s)


def state_of(broker):
    return json.loads(broker.kept(home_assistant.state_topic(PLACE)))


def test_a_board_appears_with_its_state_and_says_when_it_goes(tmp_path):
    discovery, availability = home_assistant.discovery(PLACE, prefix="ha"), home_assistant.availability_topic(PLACE)
    with Mosquitto(tmp_path) as broker:
        link = HomeAssistantLink(Neighbour(f"mqtt://{broker.address}", prefix="ha"), PLACE)
        shown(link, Reported(boot=1, release="parts-1", worker="running"), Beat("running", results=25))
        assert broker.kept(discovery.topic) == discovery.payload
        assert broker.kept(availability) == b"online"
        assert (state_of(broker)["worker"], state_of(broker)["results_per_s"]) == ("running", 25)
        link.close()
        link.close()
        assert broker.kept(availability) == b"offline"


def test_figures_wait_for_their_time_and_what_weighs_does_not(tmp_path):
    with Mosquitto(tmp_path) as broker:
        link = HomeAssistantLink(Neighbour(f"mqtt://{broker.address}", every_s=10), PLACE)
        running = Reported(boot=1, worker="running")
        shown(link, running, Beat("running", results=1))
        link.show(running, Beat("running", results=2), now_s=9.0)
        assert state_of(broker)["results_per_s"] == 1
        link.show(running, Beat("running", results=3), now_s=10.0)
        assert state_of(broker)["results_per_s"] == 3
        link.show(Reported(boot=1, worker="paused"), Beat("running", results=4), now_s=11.0)
        assert (state_of(broker)["worker"], state_of(broker)["results_per_s"]) == ("paused", 4)
        link.close()


def test_a_neighbour_that_is_away_keeps_nobody_waiting():
    link = HomeAssistantLink(Neighbour("mqtt://127.0.0.1:1"), PLACE)
    start_s = time.monotonic()
    for turn in range(100):
        link.show(Reported(boot=1), None, now_s=float(turn))
    assert time.monotonic() - start_s < 2
    assert not link.is_connected
    link.close()


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"broker": "http://x"}, "http://x: expected mqtt://HOST or mqtts://HOST"),
        ({"prefix": "home/#"}, "prefix: expected a topic without '\\+' and '#', got 'home/#'"),
        ({"every_s": 0.5}, "every_s: expected 1 or more, got 0.5"),
    ],
)
def test_settings_that_cannot_be_are_told(settings, wrong):
    with pytest.raises(InputError, match=wrong):
        Neighbour(**settings)
