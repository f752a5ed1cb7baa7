from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_sdk.errors import InputError
from edge_sdk.preprocess import WindowSteps, cut_windows
from edge_sdk.preprocess.resample import resample
from edge_sdk.runtime.rows import EXACT, Rows
from edge_sdk.runtime.windows import WindowCutter


def rows_of(values, *, start=0, rate_hz=100.0, lost=0):
    """Return rows of one or more columns whose first row has the number `start`."""
    values = np.array(values, np.float64).reshape(len(values), -1)
    stamps_ns = np.round((start + np.arange(len(values))) * 1e9 / rate_hz).astype(np.int64)
    return Rows(values, stamps_ns, lost)


def portions(recording, cuts, *, rate_hz=100.0):
    edges = [0, *sorted(min(cut, len(recording)) for cut in cuts), len(recording)]
    return [rows_of(recording[a:b], start=a, rate_hz=rate_hz) for a, b in pairwise(edges) if b > a]


CUTS = st.lists(st.integers(0, 60), max_size=8)


@given(rows=st.integers(0, 60), samples=st.integers(1, 8), hop=st.integers(1, 12), cuts=CUTS)
def test_rows_in_any_portions_give_the_windows_of_the_whole(rows, samples, hop, cuts):
    steps = WindowSteps(("a", "b"), samples=samples, hop=hop)
    recording = np.arange(rows * 2, dtype=np.float64).reshape(rows, 2)
    cutter = WindowCutter(steps)
    cut = [window for part in portions(recording, cuts) for window in cutter.add(part)]
    assert [window.values.tolist() for window in cut] == [w.tolist() for w in cut_windows(steps, recording)]
    assert [window.number for window in cut] == list(range(len(cut)))
    assert [window.captured_ns for window in cut] == [(i * hop + samples - 1) * 10_000_000 for i in range(len(cut))]


@given(cuts=CUTS, rate_hz=st.sampled_from([50.0, 97.0, 104.3, 300.0]))
def test_another_rate_gives_the_windows_of_the_resampled_whole(cuts, rate_hz):
    steps = WindowSteps(("a",), samples=8, hop=5, rate_hz=100.0)
    recording = np.random.default_rng(0).standard_normal((200, 1))
    cutter = WindowCutter(steps, rate_hz=rate_hz)
    cut = [
        window for part in portions(recording, cuts, rate_hz=rate_hz) for window in cutter.add(part)
    ] + cutter.finish()
    wanted = list(cut_windows(steps, resample(recording, from_hz=rate_hz, to_hz=100.0)))
    np.testing.assert_allclose([window.values for window in cut], wanted, atol=1e-9)
    np.testing.assert_allclose(
        [w.captured_ns / 1e9 for w in cut], [(7 + 5 * i) / 100 for i in range(len(cut))], atol=2e-4
    )
    assert [window.number for window in cut] == list(range(len(cut)))


def test_a_rate_near_the_models_is_taken_as_it_is():
    recording = np.arange(20.0).reshape(20, 1)
    cutter = WindowCutter(WindowSteps(("a",), samples=4, hop=4, rate_hz=100.0), rate_hz=101.5)
    assert [w.values.ravel().tolist() for w in cutter.add(rows_of(recording))] == recording.reshape(5, 4).tolist()


def test_a_rate_that_nobody_tells_is_measured_and_nothing_is_lost_meanwhile():
    steps = WindowSteps(("a",), samples=50, hop=50, rate_hz=50.0)
    times = np.arange(1040) / 104.0
    recording = np.sin(2 * np.pi * 3 * times)[:, np.newaxis]
    cutter = WindowCutter(steps)
    cut = [window for part in portions(recording, range(0, 1040, 7), rate_hz=104.0) for window in cutter.add(part)]
    cut += cutter.finish()
    assert [window.number for window in cut] == list(range(10))
    wanted = np.sin(2 * np.pi * 3 * np.arange(500) / 50.0)
    made = np.concatenate([window.values.ravel() for window in cut])
    np.testing.assert_allclose(made[50:-50], wanted[50:-50], atol=1e-2)


def test_too_short_a_recording_to_measure_is_cut_at_its_end():
    steps = WindowSteps(("a",), samples=4, hop=4, rate_hz=100.0)
    cutter = WindowCutter(steps)
    assert cutter.add(rows_of(np.arange(8.0))) == []
    assert [window.values.ravel().tolist() for window in cutter.finish()] == [[0, 1, 2, 3], [4, 5, 6, 7]]


GAPS = {
    "restart": ({}, [([1, 2], 0), ([5, 6], 4), ([6, 7], 5)]),
    "hold": (
        {"gap": "hold", "gap_rows": 2},
        [([1, 2], 0), ([2, 2], 1), ([2, 2], 2), ([2, 5], 3), ([5, 6], 4), ([6, 7], 5)],
    ),
    "interpolate": (
        {"gap": "interpolate", "gap_rows": 2},
        [([1, 2], 0), ([2, 3], 1), ([3, 4], 2), ([4, 5], 3), ([5, 6], 4), ([6, 7], 5)],
    ),
    "more than may be held": ({"gap": "hold", "gap_rows": 1}, [([1, 2], 0), ([5, 6], 4), ([6, 7], 5)]),
}


@pytest.mark.parametrize("by_stamps", [True, False], ids=["told by stamps", "told by the sensor"])
@pytest.mark.parametrize("name", GAPS)
def test_gaps_are_handled_as_declared_and_lost_windows_are_missing_in_the_numbers(name, by_stamps):
    changes, wanted = GAPS[name]
    cutter = WindowCutter(
        WindowSteps(("a",), samples=2, hop=1, **changes), rate_hz=100.0, slack=EXACT if by_stamps else None
    )
    if by_stamps:
        whole = Rows(np.array([[1.0], [2], [5], [6], [7]]), np.array([0, 1, 4, 5, 6]) * 10_000_000)
        cut = cutter.add(whole)
    else:
        cut = cutter.add(rows_of([1, 2])) + cutter.add(rows_of([5, 6, 7], start=4, lost=2))
    assert [(window.values.ravel().tolist(), window.number) for window in cut] == wanted
    assert [window.captured_ns // 10_000_000 for window in cut] == [1 + number for _, number in wanted]


def test_rows_that_are_late_within_the_slack_are_no_gap():
    cutter = WindowCutter(WindowSteps(("a",), samples=2, hop=2), rate_hz=100.0, slack=EXACT)
    stamps_ns = np.array([0, 14, 20, 30]) * 1_000_000
    assert len(cutter.add(Rows(np.ones((4, 1)), stamps_ns))) == 2


def test_a_measured_rate_that_cannot_be_the_models_is_told():
    cutter = WindowCutter(WindowSteps(("a",), samples=2, hop=2, rate_hz=100_000.0))
    with pytest.raises(InputError, match=r"^rate_hz: expected rates within 256 times each other, got 10.0"):
        cutter.add(rows_of(np.ones(40), rate_hz=10.0))
