from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.history import History, follow
from edge_sdk.runtime.rows import Rows
from tests.mosquitto import Mosquitto

MILLISECOND = 1_000_000


def rows_at(*moments_ms):
    """Return rows whose value is their time in milliseconds."""
    moments = np.array(moments_ms, np.float64)
    return Rows(moments[:, np.newaxis], (moments * MILLISECOND).astype(np.int64))


def test_this_frame_and_the_vibration_before_it():
    vibration = History(("x",), seconds=10)
    vibration.add(rows_at(*range(0, 1000, 10)))
    frame_ns = 505 * MILLISECOND
    assert vibration.before(frame_ns, 0.05).values.ravel().tolist() == [460, 470, 480, 490, 500]


@given(
    steps_ms=st.lists(st.integers(0, 50), max_size=60),
    portion=st.integers(1, 9),
    span_ms=st.integers(1, 400),
    max_rows=st.integers(1, 40),
    asked=st.tuples(st.integers(-100, 2000), st.integers(0, 500)),
)
def test_it_answers_as_a_list_of_all_rows_would_within_its_bounds(steps_ms, portion, span_ms, max_rows, asked):
    moments = np.cumsum(steps_ms).tolist()
    history = History(("x",), seconds=span_ms / 1000, max_rows=max_rows)
    for start in range(0, len(moments), portion):
        history.add(rows_at(*moments[start : start + portion]))
    kept = [m for m in moments if m >= moments[-1] - span_ms][-max_rows:]
    moment_ms, back_ms = asked
    told = history.before(moment_ms * MILLISECOND, back_ms / 1000)
    assert told.values.ravel().tolist() == [m for m in kept if moment_ms - back_ms < m <= moment_ms]
    assert (told.stamps_ns // MILLISECOND).tolist() == told.values.ravel().tolist()
    assert history._count == len(kept) == sum(len(block.values) for block in history._blocks)


def test_it_waits_for_rows_that_come_later_than_the_frame():
    history = History(("x",), seconds=1)
    threading.Timer(0.1, history.add, [rows_at(10, 20, 30)]).start()
    assert history.before(25 * MILLISECOND, 1).values.tolist() == []
    assert history.before(25 * MILLISECOND, 1, timeout_s=5).values.ravel().tolist() == [10, 20]


def test_bounds_that_hold_nothing_are_refused():
    with pytest.raises(InputError, match=r"^seconds, max_rows: expected more than 0, got 0 and 1000000$"):
        History(("x",), seconds=0)


def test_a_recording_at_its_own_pace_is_followed_on_the_clock_of_frames(tmp_path):
    (tmp_path / "log.csv").write_text("x\n" + "".join(f"{i}\n" for i in range(500)) + "?\n7\n")
    with follow(f"rows:{tmp_path}/log.csv?rate_hz=1000&pace=real", ("x",), seconds=2) as history:
        time.sleep(0.3)
        frame_ns = time.monotonic_ns()
        rows = history.before(frame_ns, 0.1, timeout_s=5)
        history.before(frame_ns + 10**9, 0.1, timeout_s=1)
    assert 95 <= len(rows.values) <= 101
    assert np.diff(rows.values[:, 0]).tolist() == [1] * (len(rows.values) - 1)
    assert 0 <= frame_ns - rows.stamps_ns[-1] < 2 * MILLISECOND
    assert history.unreadable == 1


def test_a_sensor_that_goes_is_told_and_followed_again(tmp_path):
    with (
        Mosquitto(tmp_path) as broker,
        follow(f"mqtt://{broker.address}/a?timeout_s=0.3", ("x",), seconds=60) as history,
    ):
        until_s = time.monotonic() + 20
        while history.failure is None and time.monotonic() < until_s:
            time.sleep(0.01)
        assert str(history.failure) == f"mqtt://{broker.address}/a: expected messages, got none for 0.3 s"
        rows = history.before(time.monotonic_ns(), 60)
        assert len(rows.values) == 0
        while history.failure is not None and time.monotonic() < until_s:
            broker.publish("a", b'{"x": 5}')
        assert history.before(time.monotonic_ns(), 60).values[0].tolist() == [5]


def test_a_sensor_that_is_not_there_is_told_at_once():
    with (
        pytest.raises(UnavailableError, match=r"^hwmon:none: expected a device none, got "),
        follow("hwmon:none", ("temp1",), seconds=1),
    ):
        pass
