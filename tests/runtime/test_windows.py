from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_sdk.preprocess import WindowSteps, cut_windows
from edge_sdk.runtime.windows import WindowCutter


@given(rows=st.integers(0, 40), samples=st.integers(1, 8), hop=st.integers(1, 12))
def test_rows_one_by_one_give_the_windows_of_the_whole(rows, samples, hop):
    steps = WindowSteps(("a", "b"), samples=samples, hop=hop)
    recording = np.arange(rows * 2, dtype=np.float64).reshape(rows, 2)
    cutter = WindowCutter(steps)
    cut = [window for row in recording if (window := cutter.add(row)) is not None]
    assert [w.tolist() for w in cut] == [w.tolist() for w in cut_windows(steps, recording)]


def test_no_window_has_a_hole():
    cutter = WindowCutter(WindowSteps(("a",), samples=2, hop=1))
    assert cutter.add([1]) is None
    assert cutter.add([2]).tolist() == [[1], [2]]
    cutter.restart()
    assert cutter.add([4]) is None
    assert cutter.add([5]).tolist() == [[4], [5]]
