"""The store: each row once, whatever comes, in whatever order, however often."""

from __future__ import annotations

import json
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_sdk.errors import UnavailableError
from edge_sdk.fleet.sequence import Step, follow
from edge_sdk.fleet.store import Account, Store, Taken
from edge_sdk.wire.messages import Batch

LOG = "0123456789abcdef"


def batch(first_seq, count, *, lost_before=0, log=LOG, stream="results"):
    return Batch(
        stream, log, first_seq, lost_before, tuple(b'{"n":%d}' % n for n in range(first_seq, first_seq + count))
    )


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "fleet.db") as store:
        yield store


@pytest.mark.parametrize(
    ("came", "step"),
    [
        (batch(5, 2), Step(7, 5, (b'{"n":5}', b'{"n":6}'))),
        (batch(3, 2), Step(5, 5, repeated=2)),
        (batch(0, 1), Step(5, 5, repeated=1)),
        (batch(4, 3), Step(7, 5, (b'{"n":5}', b'{"n":6}'), repeated=1)),
        (batch(6, 2), Step(5, 5, early=2)),
        (batch(6, 1, lost_before=6), Step(7, 6, (b'{"n":6}',), missing=1)),
        (batch(9, 1, lost_before=7), Step(7, 7, missing=2, early=1)),
        (batch(2, 1, lost_before=2), Step(5, 5, repeated=1)),
    ],
    ids=["next", "again", "long ago", "overlapping", "early", "declared gap", "gap and early", "old declaration"],
)
def test_a_batch_adds_to_a_line_that_awaits_number_5(came, step):
    assert follow(5, came) == step


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), max_size=40))
def test_in_any_order_and_however_often_each_row_is_taken_once_and_none_is_skipped(parts):
    next_seq, kept = 0, []
    for first_seq, count in parts:
        step = follow(next_seq, batch(first_seq, count))
        next_seq = step.next_seq
        kept += step.rows
    assert kept == list(batch(0, next_seq).rows)


def test_rows_are_kept_once_and_in_order(store):
    taken = store.take([("a", batch(0, 3)), ("a", batch(0, 3)), ("a", batch(2, 2))], now_s=7.0)
    assert taken == (Taken(3, 3, 0, 0, 0), Taken(3, 0, 3, 0, 0), Taken(4, 1, 1, 0, 0))
    assert [row for _, _, row in store.rows("results")] == [f'{{"n":{n}}}' for n in range(4)]


def test_devices_streams_and_logs_have_numbers_of_their_own(store):
    other = "fedcba9876543210"
    came = [("a", batch(0, 1)), ("b", batch(0, 2)), ("a", batch(0, 3, stream="events")), ("a", batch(0, 4, log=other))]
    store.take(came, now_s=0.0)
    assert store.next_seq("a", LOG) == {"events": 3, "results": 1}
    assert store.next_seq("a", other) == {"results": 4}
    assert store.next_seq("c", LOG) == {}
    assert store.accounts() == (
        Account("a", "events", 3, 0),
        Account("a", "results", 5, 0),
        Account("b", "results", 2, 0),
    )


def test_what_a_device_has_given_up_is_counted_once(store):
    for _ in range(2):
        store.take([("a", batch(4, 2, lost_before=4))], now_s=0.0)
    assert store.accounts() == (Account("a", "results", 2, 4),)


def test_a_device_that_declares_what_it_likes_breaks_no_account(store):
    huge = 1 << 53
    came = [("a", batch(huge, 1, lost_before=huge, log=f"{number:016x}")) for number in range(1100)]
    store.take([*came, ("b", batch(0, 1))], now_s=0.0)
    assert store.accounts()[0].received == 1100
    assert store.accounts()[1] == Account("b", "results", 1, 0)


def test_all_of_a_turn_is_kept_or_nothing(store):
    with pytest.raises(UnicodeDecodeError):
        store.take([("a", batch(0, 3)), ("a", Batch("results", LOG, 3, 0, (b"\xff",)))], now_s=0.0)
    assert store.rows("results") == []
    assert store.next_seq("a", LOG) == {}


def test_a_second_process_sees_what_is_kept_and_goes_on(store, tmp_path):
    store.take([("a", batch(0, 2))], now_s=0.0)
    with Store(tmp_path / "fleet.db") as second:
        assert second.take([("a", batch(0, 3))], now_s=0.0) == (Taken(3, 1, 2, 0, 0),)
    assert len(store.rows("results")) == 3


def test_old_rows_go_and_are_known_all_the_same(store):
    store.take([("a", batch(0, 3))], now_s=100.0)
    store.take([("a", batch(3, 2))], now_s=200.0)
    last = store.rows("results")[-1][0]
    assert store.forget(before_unix_s=150.0) == 3
    assert store.forget(before_unix_s=250.0) == 2
    assert store.forget(before_unix_s=250.0) == 0
    assert store.take([("a", batch(0, 6))], now_s=300.0) == (Taken(6, 1, 5, 0, 0),)
    assert [id_ for id_, _, _ in store.rows("results", after=last)] == [last + 1]


def test_a_full_disk_changes_nothing_and_all_goes_on_when_there_is_room(store):
    store.take([("a", batch(0, 1))], now_s=0.0)
    (pages,) = store._database.execute("PRAGMA page_count").fetchone()
    store._database.execute(f"PRAGMA max_page_count = {pages + 3}")
    with pytest.raises(UnavailableError, match=r"expected a store of results that can be written, got .*full"):
        store.take([("a", batch(0, 2000))], now_s=0.0)
    assert store.next_seq("a", LOG) == {"results": 1}
    store._database.execute("PRAGMA max_page_count = 100000")
    assert store.take([("a", batch(0, 2000))], now_s=0.0)[0].next_seq == 2000


def test_wherever_the_disk_is_full_a_turn_is_kept_whole_or_not_at_all(tmp_path):
    came = [("a", batch(0, 400)), ("b", batch(0, 400, stream="events")), ("a", batch(400, 400))]
    refused = 0
    for room in range(1, 26, 2):
        path = tmp_path / f"{room}.db"
        with Store(path) as store:
            (pages,) = store._database.execute("PRAGMA page_count").fetchone()
            store._database.execute(f"PRAGMA max_page_count = {pages + room}")
            try:
                store.take(came, now_s=0.0)
            except UnavailableError:
                refused += 1
                assert (store.accounts(), store.rows("results")) == ((), [])
        with Store(path) as store:
            assert store.take(came, now_s=0.0)[-1].next_seq == 800
            assert (len(store.rows("results")), len(store.rows("events"))) == (800, 400)
    assert 4 < refused < 13


def test_a_file_that_is_none_of_ours_is_left_alone(tmp_path):
    path = tmp_path / "fleet.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(UnavailableError, match=r"fleet.db: expected a store of results .*not a database"):
        Store(path)
    assert path.read_bytes() == b"not a database" * 100


@settings(max_examples=25, deadline=None)
@given(
    parts=st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 20), st.integers(0, 9), st.integers(0, 12)), max_size=25
    ),
    cuts=st.sets(st.integers(0, 24)),
)
def test_what_is_kept_is_what_the_numbers_say(tmp_path_factory, parts, cuts):
    path = tmp_path_factory.mktemp("store") / "fleet.db"
    store = Store(path)
    for number, (device, first_seq, count, lost) in enumerate(parts):
        store.take([(device, batch(first_seq, count, lost_before=min(lost, first_seq)))], now_s=0.0)
        if number in cuts:
            store.close()
            store = Store(path)
    accounts = store.accounts()
    store.close()
    rows = sqlite3.connect(path).execute("SELECT device, stream, seq, data FROM received").fetchall()
    assert len(rows) == len(set(rows)) == sum(account.received for account in accounts)
    assert all(data == f'{{"n":{seq}}}' for _, _, seq, data in rows)


def test_the_last_row_of_each_device_is_that_of_its_last_log(tmp_path):
    with Store(tmp_path / "fleet.db") as store:
        assert store.latest("results") == ()
        for device, log, at in (("a", "1" * 16, 1.0), ("b", "1" * 16, 2.0), ("a", "2" * 16, 3.0)):
            rows = tuple(json.dumps({"log": log[0], "n": n}, separators=(",", ":")).encode() for n in range(3))
            store.take([(device, Batch("results", log, 0, 0, rows))], now_s=at)
        last = store.latest("results")
    assert [(one.device, one.received_unix_s, one.row) for one in last] == [
        ("a", 3.0, '{"log":"2","n":2}'),
        ("b", 2.0, '{"log":"1","n":2}'),
    ]
