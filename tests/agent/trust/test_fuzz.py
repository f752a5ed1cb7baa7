"""Whatever a repository gives, a board refuses it by one of the families, or takes it; it never fails otherwise."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tuf.api.metadata import Metadata

from edge_sdk.agent.trust.border import Clock
from edge_sdk.agent.trust.floors import Floors
from edge_sdk.agent.trust.workflow import Workflow
from edge_sdk.errors import InputError, TrustError, UnavailableError
from edge_sdk.wire import decode
from edge_sdk.wire.release import Assignment, Release
from tests.conformance.tuf_client.simulator import Simulator

FILES = ("2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
many = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def simulator():
    made = Simulator()
    made.publish("root")
    return made


class Nothing:
    """A keeper that keeps nothing."""

    def __init__(self, root):
        self._root = root

    def root(self, number):
        return None if number else self._root

    def load(self, role):
        return None

    def keep(self, role, data, floors):
        pass


def refresh(simulator, change):
    def fetch(file, _):
        data = simulator.get(file)
        return data if data is None else change(file, data)

    workflow = Workflow(Nothing(simulator.trusted_root), fetch, Floors(), Clock(simulator.now.timestamp()))
    try:
        workflow.refresh()
        return True
    except (TrustError, UnavailableError):
        return False


def test_the_set_up_is_right(simulator):
    assert refresh(simulator, lambda _, data: data)


@many
@given(st.sampled_from(FILES), st.binary(max_size=300))
def test_any_bytes_are_refused(simulator, file, data):
    assert not refresh(simulator, lambda name, right: data if name.endswith(file) else right)


@many
@given(st.sampled_from(FILES), st.integers(0, 10_000), st.integers(1, 255))
def test_any_changed_byte_is_refused_or_makes_no_difference(simulator, file, at, by):
    def change(name, right):
        if not name.endswith(file):
            return right
        data = bytearray(right)
        data[at % len(data)] ^= by
        return bytes(data)

    refresh(simulator, change)


@many
@given(st.sampled_from(FILES), st.data())
def test_any_changed_value_is_refused_or_says_the_same(simulator, file, data):
    """python-tuf checks signatures over what it has read: a null that it reads as the value it was says the same."""
    right = simulator.get(f"metadata/{file}")
    document = json.loads(right)
    key = data.draw(st.sampled_from(sorted(document["signed"])))
    before = document["signed"][key]
    document["signed"][key] = data.draw(JSON.filter(lambda value: value != before))
    changed = json.dumps(document).encode()
    if refresh(simulator, lambda name, other: changed if name.endswith(file) else other):
        assert Metadata.from_bytes(changed).signed == Metadata.from_bytes(right).signed


@many
@given(JSON, st.sampled_from([Release, Assignment]))
def test_any_document_is_read_or_refused(value, record):
    document = {"schema": 1, **value} if isinstance(value, dict) else value
    try:
        decode(record, json.dumps(document).encode(), where="document")
    except InputError as exc:
        assert str(exc).startswith("document: ")
