"""What a board is, said in Home Assistant's words: one discovery message for the device, one state, one availability.

- Device-based discovery (Home Assistant 2024.11 and newer): `PREFIX/device/ID/config`, kept by the broker.
- One JSON state for all entities, each of which takes its part by a template; the update entity's part is what
  `update.mqtt` documents: installed, latest, in progress, percentage.
- It only tells: nobody installs from here, for what a board runs is said by who signs. Pure: others publish.

Sources: home-assistant.io/integrations/mqtt (device discovery payload), …/update.mqtt, …/sensor.mqtt.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from edge_sdk.agent.worker.messages import Beat
from edge_sdk.files import sha256_hex
from edge_sdk.version import __version__
from edge_sdk.wire import Place
from edge_sdk.wire.messages import Reported

ONLINE, OFFLINE = b"online", b"offline"
_UNDER_WAY = frozenset({"offered", "fetching", "verified", "staged", "golden", "shadow", "trial"})
_MAX_SUMMARY = 255
"""As Home Assistant bounds `release_summary`."""


@dataclass(frozen=True, slots=True)
class Told:
    """A message for Home Assistant's broker; the broker keeps it (retained).

    Attributes:
        topic: On which topic.
        payload: Its bytes.
    """

    topic: str
    payload: bytes


def availability_topic(place: Place) -> str:
    """Return where it is told whether the board is there; a good place for a last will of `OFFLINE`."""
    return f"edge-sdk/{place.fleet}/{place.device}/availability"


def state_topic(place: Place) -> str:
    """Return where the state is told."""
    return f"edge-sdk/{place.fleet}/{place.device}/state"


def discovery(place: Place, *, prefix: str = "homeassistant") -> Told:
    """Return what makes the board appear in Home Assistant.

    Args:
        place: The board.
        prefix: Of Home Assistant's discovery topics.
    """
    me = _object_id(place)
    payload = {
        "device": {
            "identifiers": [me],
            "name": place.device,
            "manufacturer": "edge-sdk",
            "model": f"board of fleet {place.fleet}",
            "sw_version": __version__,
        },
        "origin": {"name": "edge-sdk", "sw_version": __version__},
        "availability_topic": availability_topic(place),
        "state_topic": state_topic(place),
        "qos": 1,
        "components": {f"{me}_{name}": {"unique_id": f"{me}_{name}", **entity} for name, entity in _ENTITIES.items()},
    }
    return Told(f"{prefix}/device/{me}/config", _json(payload))


def removal(place: Place, *, prefix: str = "homeassistant") -> Told:
    """Return what makes it disappear again: nothing, on the topic of its discovery."""
    return Told(f"{prefix}/device/{_object_id(place)}/config", b"")


def state(place: Place, reported: Reported, beat: Beat | None = None) -> Told:
    """Return how the board is.

    Args:
        place: The board.
        reported: What it told the fleet.
        beat: How the worker went in the last second; None if there is no worker.
    """
    update = reported.update
    is_failed = reported.worker.startswith("failed")
    payload: dict[str, Any] = {
        "worker": "failed" if is_failed else reported.worker,
        "problem": "ON" if is_failed or update.state in {"refused", "rolled_back"} else "OFF",
        "cause": (reported.worker.partition(": ")[2] if is_failed else update.reason)[:_MAX_SUMMARY],
        "update_stage": update.state,
        "waiting": sum(reported.waiting.values()),
        "dropped": sum(reported.dropped.values()),
        "results_per_s": beat.results if beat else None,
        "latency_ms": round(beat.latency_p50_ms, 1) if beat and beat.results else None,
        "memory_mb": round(beat.resident_bytes / 1e6, 1) if beat else None,
        "update": {
            "installed_version": reported.release or "none",
            "latest_version": update.release or reported.release or "none",
            "title": "model",
            "release_summary": update.reason[:_MAX_SUMMARY],
            "in_progress": update.state in _UNDER_WAY,
            "update_percentage": _percentage(reported),
        },
    }
    return Told(state_topic(place), _json(payload))


def _percentage(reported: Reported) -> int | None:
    """Return how much of a release is here while it is fetched; None takes the bar away."""
    update = reported.update
    if update.state != "fetching" or not update.size_bytes:
        return None
    return min(100, 100 * update.done_bytes // update.size_bytes)


def _object_id(place: Place) -> str:
    """Return an id of letters, digits, `_` and `-`, as Home Assistant wants it; another one for each place."""
    name = f"{place.fleet}-{place.device}"
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    told_apart = sha256_hex(f"{place.fleet}/{place.device}".encode())[:6]
    return f"edge-sdk-{plain}-{told_apart}"


def _json(payload: dict[str, Any]) -> bytes:
    return json.dumps(payload, separators=(",", ":")).encode()


def _sensor(name: str, value: str, **more: str) -> dict[str, str]:
    return {"platform": "sensor", "name": name, "value_template": f"{{{{ value_json.{value} }}}}", **more}


_ENTITIES: dict[str, dict[str, Any]] = {
    "worker": _sensor("Worker", "worker", icon="mdi:camera"),
    "problem": {
        "platform": "binary_sensor",
        "name": "Problem",
        "device_class": "problem",
        "value_template": "{{ value_json.problem }}",
    },
    "cause": _sensor("Cause", "cause", entity_category="diagnostic"),
    "results": _sensor("Results", "results_per_s", unit_of_measurement="1/s", state_class="measurement"),
    "latency": _sensor(
        "Latency", "latency_ms", unit_of_measurement="ms", device_class="duration", state_class="measurement"
    ),
    "memory": _sensor(
        "Memory",
        "memory_mb",
        unit_of_measurement="MB",
        device_class="data_size",
        state_class="measurement",
        entity_category="diagnostic",
    ),
    "waiting": _sensor("Rows waiting", "waiting", state_class="measurement", entity_category="diagnostic"),
    "dropped": _sensor("Rows dropped", "dropped", state_class="total_increasing", entity_category="diagnostic"),
    "update": {"platform": "update", "name": "Model", "value_template": "{{ value_json.update | to_json }}"},
    "update_stage": _sensor("Update", "update_stage", entity_category="diagnostic"),
}
