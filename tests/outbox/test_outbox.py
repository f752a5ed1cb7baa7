import os
import sqlite3
import subprocess
import sys
import textwrap
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.outbox import Account, Limit, Mark, Outbox
from edge_sdk.outbox import database as database_module

_LIMITS = {"results": Limit(1_000_000), "events": Limit(10_000, max_row_bytes=1000)}


def opened(path, limits=_LIMITS):
    return Outbox.open(path, limits)


@pytest.fixture
def outbox(tmp_path):
    with opened(tmp_path / "outbox.db") as outbox:
        yield outbox


def put(outbox, *rows, stream="results"):
    for row in rows:
        outbox.put(stream, row)
    outbox.flush()


def batch(outbox, after=None, *, max_rows=100, max_bytes=10_000, stream="results"):
    return outbox.batch(stream, after=after, max_rows=max_rows, max_bytes=max_bytes)


def renumbered(path):
    """What a start of the machine does."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE fact SET value = 'another boot' WHERE name = 'boot'")
    connection.close()


def test_rows_come_out_in_order_and_go_when_they_are_acknowledged(outbox):
    put(outbox, b"a", b"b", b"c")
    first = batch(outbox, max_rows=2)
    assert (first.log, first.first_seq, first.rows, first.lost_before) == (outbox.log, 0, (b"a", b"b"), 0)
    assert batch(outbox, first.end).rows == (b"c",)
    assert outbox.acknowledge("results", first.end) == 2
    assert outbox.acknowledge("results", first.end) == 0
    left = batch(outbox)
    assert (left.first_seq, left.rows, left.lost_before) == (2, (b"c",), 2)


def test_rows_are_on_the_disk_a_quarter_of_a_second_after_they_were_put(outbox):
    outbox.put("results", b"a")
    for _ in range(200):
        if batch(outbox):
            return
        threading.Event().wait(0.05)
    raise AssertionError("nothing was written within 10 s")


def test_a_batch_is_bounded_by_rows_and_bytes_and_holds_one_row_at_least(outbox):
    put(outbox, bytes(100), bytes(100), bytes(100))
    assert len(batch(outbox, max_bytes=202).rows) == 2
    assert len(batch(outbox, max_bytes=201).rows) == 1
    assert len(batch(outbox, max_bytes=1).rows) == 1


def test_streams_are_numbered_on_their_own(outbox):
    put(outbox, b"a", b"b")
    put(outbox, b"e", stream="events")
    assert batch(outbox, stream="events").first_seq == 0
    assert outbox.accounts()["events"] == Account(rows=1, size_bytes=33)


def test_numbers_go_on_after_a_restart_even_where_all_is_acknowledged(tmp_path):
    with opened(tmp_path / "o.db") as outbox:
        put(outbox, b"a", b"b")
        outbox.acknowledge("results", batch(outbox).end)
        log = outbox.log
    with opened(tmp_path / "o.db") as outbox:
        put(outbox, b"c")
        assert (batch(outbox).log, batch(outbox).first_seq) == (log, 2)


def test_a_start_of_the_machine_begins_a_log_and_what_waits_goes_out_under_its_own(tmp_path):
    with opened(tmp_path / "o.db") as outbox:
        put(outbox, b"a", b"b")
        old = outbox.log
    renumbered(tmp_path / "o.db")
    with opened(tmp_path / "o.db") as outbox:
        put(outbox, b"c")
        first = batch(outbox)
        assert (first.log, first.rows) == (old, (b"a", b"b"))
        second = batch(outbox, first.end)
        assert (second.log, second.first_seq, second.lost_before, second.rows) == (outbox.log, 0, 0, (b"c",))
        assert old != outbox.log
        outbox.acknowledge("results", first.end)
        assert batch(outbox, first.end).rows == batch(outbox).rows == (b"c",)


def test_where_a_stream_is_full_its_oldest_rows_go_and_the_gap_is_told(tmp_path):
    with opened(tmp_path / "o.db", {"results": Limit(1000)}) as outbox:
        for number in range(30):
            put(outbox, str(number).encode().rjust(68))
        account = outbox.accounts()["results"]
        assert (account.rows, account.size_bytes, account.dropped) == (10, 1000, 20)
        assert (batch(outbox).first_seq, batch(outbox).lost_before) == (20, 20)


def test_rows_of_an_older_log_go_first_where_a_stream_is_full(tmp_path):
    with opened(tmp_path / "o.db", {"results": Limit(1000)}) as outbox:
        put(outbox, *(bytes(68) for _ in range(5)))
    renumbered(tmp_path / "o.db")
    with opened(tmp_path / "o.db", {"results": Limit(1000)}) as outbox:
        put(outbox, *(bytes(68) for _ in range(12)))
        assert (batch(outbox).log, batch(outbox).first_seq, outbox.accounts()["results"].dropped) == (outbox.log, 2, 7)


def test_a_row_that_is_too_large_is_refused_and_counted(outbox):
    with pytest.raises(InputError, match="events: expected at most 1000 bytes, got 1001"):
        outbox.put("events", bytes(1001))
    with pytest.raises(InputError, match="expected one of events, results, got 'pictures'"):
        outbox.put("pictures", b"")
    outbox.flush()
    assert outbox.accounts()["events"].oversize == 1


def test_a_row_set_aside_holds_up_nothing_and_leaves_a_gap(outbox):
    put(outbox, b"a", b"poison", b"c")
    assert outbox.set_aside("results", Mark(outbox.log, 1), "the broker hangs up")
    assert not outbox.set_aside("results", Mark(outbox.log, 1), "again")
    first = batch(outbox)
    assert first.rows == (b"a",)
    behind = batch(outbox, first.end)
    assert (behind.first_seq, behind.rows, behind.lost_before) == (2, (b"c",), 0)
    assert outbox.accounts()["results"] == Account(rows=2, size_bytes=66, set_aside=1)


def test_what_is_set_aside_is_bounded(tmp_path):
    with opened(tmp_path / "o.db", {"results": Limit(10_000_000)}) as outbox:
        put(outbox, *(bytes(200_000) for _ in range(8)))
        for number in range(8):
            assert outbox.set_aside("results", Mark(outbox.log, number), "")
    with sqlite3.connect(tmp_path / "o.db") as connection:
        assert connection.execute("SELECT count(*) FROM aside").fetchone() == (5,)


@pytest.mark.parametrize("damage", ["zeroes", "noise", "a page"])
def test_a_damaged_file_is_moved_aside_and_a_new_log_begins(tmp_path, damage):
    path = tmp_path / "o.db"
    with opened(path) as outbox:
        put(outbox, *(bytes(1000) for _ in range(100)))
        old = outbox.log
    data = bytearray(path.read_bytes())
    if damage == "a page":
        data[4096 * 5 : 4096 * 8] = bytes(3 * 4096)
    else:
        data[:] = bytes(len(data)) if damage == "zeroes" else os.urandom(len(data))
    path.write_bytes(data)
    with opened(path) as outbox:
        assert outbox.damaged == 1
        assert outbox.log != old
        put(outbox, b"a")
        assert batch(outbox).first_seq == 0
    assert (tmp_path / "o.db.damaged").read_bytes()[4096:] == data[4096:]


def test_who_did_not_find_the_damage_follows_to_the_new_file(tmp_path):
    path = tmp_path / "o.db"
    with opened(path) as worker, opened(path) as agent:
        put(worker, b"a")
        database_module._set_aside(path)
        put(agent, b"b")
        put(worker, b"c")
        assert batch(agent).rows == batch(worker).rows == (b"b", b"c")


def test_a_file_that_is_damaged_while_it_is_used_is_moved_aside_and_no_row_in_memory_is_lost(tmp_path):
    path = tmp_path / "o.db"
    with opened(path) as outbox:
        put(outbox, *(bytes(1000) for _ in range(100)))
    with opened(path) as outbox:
        with path.open("r+b") as file:
            file.write(b"\xff" * 4096 * 20)
        outbox._database._connection.execute("PRAGMA shrink_memory")  # as if it had not been read lately
        outbox.put("results", b"kept")
        for _ in range(2):
            try:
                outbox.flush()
            except UnavailableError as exc:
                assert "expected an outbox that can be written" in str(exc)
        assert outbox.damaged == 1
        assert batch(outbox).rows == (b"kept",)


def test_two_processes_put_and_read_at_once(tmp_path):
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from edge_sdk.outbox import Limit, Outbox
        with Outbox.open(Path(sys.argv[1]), {"results": Limit(10_000_000)}) as outbox:
            for number in range(5000):
                outbox.put("results", str(number).encode())
        assert not {"numpy", "onnxruntime", "cv2"} & set(sys.modules)
        """
    )
    worker = subprocess.Popen([sys.executable, "-c", program, tmp_path / "o.db"])
    seen, after = [], None
    with opened(tmp_path / "o.db") as agent:
        while len(seen) < 5000:
            found = batch(agent, after)
            if found:
                seen += [int(row) for row in found.rows]
                after = found.end
                agent.acknowledge("results", after)
            elif worker.poll() is not None:
                assert worker.returncode == 0
    assert worker.wait(30) == 0
    assert seen == list(range(5000))


def test_on_a_full_disk_rows_wait_in_memory_the_oldest_go_and_are_counted_and_all_goes_on_when_there_is_room(tmp_path):
    program = textwrap.dedent(
        """
        import os, resource, signal, sys
        from pathlib import Path
        from edge_sdk.errors import UnavailableError
        from edge_sdk.outbox import Limit, Outbox
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with Outbox.open(Path(sys.argv[1]), {"results": Limit(50_000_000)}) as outbox:
            outbox.put("results", b"before"); outbox.flush()
            full = max(path.stat().st_size for path in Path(sys.argv[1]).parent.iterdir())
            resource.setrlimit(resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
            for number in range(3000):
                outbox.put("results", str(number).encode().rjust(200))
            try:
                outbox.flush()
            except UnavailableError as exc:
                print("full:", exc)
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            outbox.flush()
            account = outbox.accounts()["results"]
            rows = outbox.batch("results", max_rows=9999, max_bytes=9999999).rows
            assert rows[0] == b"before" and int(rows[-1]) == 2999, rows[-1]
            assert account.rows == len(rows) and account.unwritten == 3001 - len(rows) >= 2000 - 100, account
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "o.db"], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "full: " in done.stdout


def test_the_file_shrinks_when_its_rows_are_acknowledged(tmp_path):
    path = tmp_path / "o.db"
    with opened(path, {"results": Limit(10_000_000)}) as outbox:
        put(outbox, *(bytes(1000) for _ in range(5000)))
        while found := batch(outbox, max_bytes=100_000):
            outbox.acknowledge("results", found.end)
    assert sum(part.stat().st_size for part in tmp_path.iterdir()) < 3_000_000


def test_an_outbox_that_cannot_be_opened_takes_rows_and_writes_them_when_it_can(tmp_path, monkeypatch):
    (tmp_path / "in").write_bytes(b"")
    monkeypatch.setattr(database_module, "_TRY_AGAIN_S", 0.01)
    with opened(tmp_path / "in" / "o.db") as outbox:
        outbox.put("results", b"a")
        with pytest.raises(UnavailableError, match=r"in/o.db: expected an outbox that can be written, got .*exists"):
            outbox.flush()
        (tmp_path / "in").unlink()
        threading.Event().wait(0.02)
        outbox.flush()
        assert batch(outbox).rows == (b"a",)


def test_an_outbox_that_is_closed_stays_closed(tmp_path):
    outbox = opened(tmp_path / "o.db")
    outbox.close()
    outbox.close()
    with pytest.raises(UnavailableError, match="it is closed"):
        outbox.accounts()


def test_a_limit_has_room_for_a_row():
    with pytest.raises(InputError, match="max_bytes: expected room for a row, got 10"):
        Limit(10)


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(1, 120)),
            st.tuples(st.just("acknowledge"), st.integers(0, 60)),
            st.tuples(st.just("aside"), st.integers(0, 60)),
            st.tuples(st.just("restart"), st.booleans()),
        ),
        max_size=25,
    )
)
def test_whatever_happens_the_counts_add_up_and_no_number_is_used_twice(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("outbox") / "o.db"
    limits = {"results": Limit(2000)}
    outbox, seen, total, gone = Outbox.open(path, limits), {}, 0, 0
    for step, number in steps:
        if step == "put":
            total += 1
            put(outbox, f"{total:06}".encode().ljust(number + 6))
        elif step == "restart":
            outbox.close()
            if number:
                renumbered(path)
            outbox = Outbox.open(path, limits)
        elif found := batch(outbox):
            at = Mark(found.log, found.first_seq + min(number, len(found.rows) - 1))
            gone += outbox.acknowledge("results", at) if step == "acknowledge" else outbox.set_aside("results", at, "")
        after, size_bytes, rows = None, 0, 0
        while found := batch(outbox, after):
            for seq, row in enumerate(found.rows, found.first_seq):
                assert seen.setdefault((found.log, seq), row) == row
                size_bytes, rows = size_bytes + len(row) + 32, rows + 1
            after = found.end
        account = outbox.accounts()["results"]
        assert (account.rows, account.size_bytes) == (rows, size_bytes)
        assert account.size_bytes <= 2000
        assert account.rows + account.dropped + gone == total
    outbox.close()
