from __future__ import annotations

import math
import time
from itertools import pairwise

import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.preprocess import WindowSteps
from edge_sdk.runtime import open_source

STEPS = WindowSteps(("y", "x"), samples=3, hop=2)
ROWS = "t,x,state,y\n" + "".join(f"{i},{i},good,{10 * i}\n" for i in range(8))


def read_all(source):
    """Return the samples and the errors, in order."""
    told = []
    while True:
        try:
            sample = source.read()
        except InputError as exc:
            told.append(str(exc))
            continue
        if sample is None:
            return told
        told.append(sample)


def test_windows_have_the_model_s_columns_in_its_order(tmp_path):
    (tmp_path / "log.csv").write_text(ROWS)
    samples = read_all(open_source(f"rows:{tmp_path}/log.csv?rate_hz=100", window=STEPS))
    assert [sample.data.tolist() for sample in samples] == [
        [[10 * i, i] for i in range(start, start + 3)] for start in (0, 2, 4)
    ]
    assert [sample.captured_ns for sample in samples] == [20_000_000, 40_000_000, 60_000_000]


@pytest.mark.parametrize(
    ("row", "got"),
    [
        ("4,x,good,1", "could not convert string to float: 'x'"),
        ("4,nan,good,1", "'nan'"),
        ("4", "list index out of range"),
        ("4,,good,1", "could not convert string to float: ''"),
    ],
    ids=["text", "nan", "short", "empty cell"],
)
def test_a_bad_row_is_told_and_no_window_spans_it(tmp_path, row, got):
    lines = ROWS.splitlines()
    (tmp_path / "log.csv").write_text("\n".join([*lines[:5], row, *lines[5:]]))
    first, error, second = read_all(open_source(str(tmp_path / "log.csv"), window=STEPS))
    assert error == f"{tmp_path}/log.csv:6: expected numbers in y, x, got {got}"
    assert first.data[:, 1].tolist() == [0, 1, 2]
    assert second.data[:, 1].tolist() == [4, 5, 6]


def test_a_missing_column_is_told(tmp_path):
    (tmp_path / "log.csv").write_text("accel_x,accel_y\n1,2\n")
    with pytest.raises(InputError) as caught:
        open_source(str(tmp_path / "log.csv"), window=WindowSteps(("accel_z",), samples=1, hop=1))
    assert str(caught.value) == (
        f"{tmp_path}/log.csv: expected a column accel_z, got accel_x, accel_y; did you mean 'accel_y'?"
    )


def test_rows_are_for_models_of_windows(tmp_path):
    (tmp_path / "log.csv").write_text(ROWS)
    with pytest.raises(
        InputError, match=r"log.csv: expected a model that takes windows of rows, got one that does not$"
    ):
        open_source(str(tmp_path / "log.csv"))


def test_a_rate_below_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"rate_hz: expected more than 0, got -1.0$"):
        open_source(f"rows:{tmp_path}/log.csv?rate_hz=-1", window=STEPS)


def test_a_column_of_times_stamps_the_rows_and_tells_gaps(tmp_path):
    lines = [f"{1000 + 10 * i},{i},{10 * i}" for i in range(12) if i not in {4, 5}]
    (tmp_path / "log.csv").write_text("\n".join(["t_ms,x,y", *lines]))
    steps = WindowSteps(("x",), samples=3, hop=3, rate_hz=100.0)
    samples = read_all(open_source(f"rows:{tmp_path}/log.csv?time=t_ms", window=steps))
    assert [sample.data.ravel().tolist() for sample in samples] == [[0, 1, 2], [6, 7, 8], [9, 10, 11]]
    assert [sample.seq for sample in samples] == [0, 2, 3]
    assert [sample.captured_ns for sample in samples] == [1_020_000_000, 1_080_000_000, 1_110_000_000]


def test_a_time_that_goes_back_is_told(tmp_path):
    (tmp_path / "log.csv").write_text("t,x\n1,1\n2,2\n2,3\n4,4\n")
    told = read_all(open_source(f"rows:{tmp_path}/log.csv?time=t", window=WindowSteps(("x",), samples=1, hop=1)))
    (error,) = [entry for entry in told if isinstance(entry, str)]
    assert error == f"{tmp_path}/log.csv:4: expected numbers in x, t, got a time that is not behind the one before"
    assert [entry.data[0, 0] for entry in told if entry is not error] == [1, 2, 4]


def test_a_recording_at_its_own_pace_is_live(tmp_path):
    (tmp_path / "log.csv").write_text("x\n" + "".join(f"{i}\n" for i in range(30)))
    steps = WindowSteps(("x",), samples=5, hop=5)
    before_ns = time.monotonic_ns()
    source = open_source(f"rows:{tmp_path}/log.csv?rate_hz=100&pace=real", window=steps)
    samples = read_all(source)
    took_ns = time.monotonic_ns() - before_ns
    assert source.live
    assert [sample.data[0, 0] for sample in samples] == [0, 5, 10, 15, 20, 25]
    assert {after.captured_ns - first.captured_ns for first, after in pairwise(samples)} == {50_000_000}
    assert samples[-1].captured_ns - before_ns <= took_ns
    assert took_ns >= 290_000_000


def test_a_recording_of_another_rate_is_brought_to_the_model_s(tmp_path):
    times = np.arange(400) / 200
    (tmp_path / "log.csv").write_text("x\n" + "".join(f"{math.sin(10 * t)}\n" for t in times))
    steps = WindowSteps(("x",), samples=50, hop=50, rate_hz=100.0)
    samples = read_all(open_source(f"rows:{tmp_path}/log.csv?rate_hz=200", window=steps))
    made = np.concatenate([sample.data.ravel() for sample in samples])
    np.testing.assert_allclose(made[40:160], np.sin(10 * np.arange(200) / 100)[40:160], atol=1e-3)
    assert [sample.captured_ns for sample in samples] == [490_000_000 + i * 500_000_000 for i in range(4)]
