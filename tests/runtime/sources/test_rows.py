from __future__ import annotations

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


def test_a_rate_of_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"rate_hz: expected more than 0, got 0.0$"):
        open_source(f"rows:{tmp_path}/log.csv?rate_hz=0", window=STEPS)
