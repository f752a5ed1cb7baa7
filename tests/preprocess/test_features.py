from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from edge_sdk import records
from edge_sdk.preprocess import WindowSteps, prepare_window
from edge_sdk.preprocess.features import vector
from edge_sdk.preprocess.spectrogram import spectrogram

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((ROOT / "tests/cases/preprocess/features.json").read_text())
cases = pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])


def steps_of(case, rows, **changes):
    columns = [f"x{i}" for i in range(rows.shape[1])]
    declared = {key: case[key] for key in ("features", "spectrogram") if key in case}
    data = {
        "columns": columns,
        "samples": len(rows),
        "hop": len(rows),
        "rate_hz": GOLDEN["rate_hz"],
        **declared,
        **changes,
    }
    return records.read(WindowSteps, data, where=case["name"])


@cases
def test_features_are_those_of_librosa_and_scipy(case):
    rows = np.array(GOLDEN["signals"][case["signal"]])
    steps = steps_of(case, rows)
    if steps.spectrogram is not None:
        values = spectrogram(steps.spectrogram, rows, rate_hz=steps.rate_hz)[0]
    else:
        values = vector(steps.features, rows, rate_hz=steps.rate_hz)[np.newaxis]
    expected = np.array(case["expected"])
    assert values.shape == expected.shape
    np.testing.assert_allclose(values, expected, rtol=2e-7, atol=1e-7 * np.abs(expected).max())


def test_the_file_is_what_the_libraries_compute_today():
    pytest.importorskip("librosa", reason="librosa is not installed: the committed numbers alone are compared")
    spec = importlib.util.spec_from_file_location("golden_features", ROOT / "scripts/golden_features.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for mine, theirs in zip(GOLDEN["cases"], script.cases(), strict=True):
        np.testing.assert_allclose(mine["expected"], theirs["expected"], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("layout", "order", "shape"),
    [
        ("channels-first", "time-first", (1, 2, 7, 20)),
        ("channels-last", "time-first", (1, 7, 20, 2)),
        ("channels-first", "bands-first", (1, 2, 20, 7)),
    ],
)
def test_the_axes_of_a_spectrogram_are_where_the_model_has_them(layout, order, shape):
    declared = {"frame": 64, "hop": 32, "mels": 20, "order": order}
    steps = steps_of({"name": "axes", "spectrogram": declared}, np.zeros((256, 2)), layout=layout)
    tensor = prepare_window(steps, np.random.default_rng(0).standard_normal((256, 2)))
    assert tensor.shape == shape
    assert tensor.dtype == np.float32
    assert tensor.flags.c_contiguous


def test_one_column_needs_no_channels():
    steps = WindowSteps(("sound",), samples=3, hop=3, layout="no-channels")
    assert prepare_window(steps, np.array([[1.0], [2.0], [3.0]])).tolist() == [[1, 2, 3]]


def test_features_stand_column_after_column_and_are_scaled_last():
    features = {"statistics": ["mean", "peak"], "mean": [1.0, 0.0, 0.0, 0.0], "std": [2.0]}
    steps = steps_of({"name": "scaled", "features": features}, np.zeros((4, 2)))
    window = np.array([[3.0, -8.0], [3, 0], [3, 0], [3, 0]])
    assert prepare_window(steps, window).tolist() == [[(3 - 1) / 2, 3 / 2, -2 / 2, 8 / 2]]


def test_a_column_that_stands_still_gives_numbers():
    every = WindowSteps.__dataclass_fields__  # the features that divide
    assert every
    names = ["std", "crest", "shape", "skewness", "kurtosis", "excess_kurtosis", "zero_crossings"]
    steps = steps_of({"name": "still", "features": {"statistics": names}}, np.zeros((5, 1)))
    assert prepare_window(steps, np.full((5, 1), 0.1)).tolist() == [pytest.approx([0, 1, 1, 0, 0, 0, 0], abs=1e-7)]
    assert prepare_window(steps, np.zeros((5, 1))).tolist() == [[0, 0, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("log", "power", "expected"),
    [("ln", 2, np.log(0.25)), ("log10", 2, np.log10(0.25)), ("db", 1, 20 * np.log10(0.25))],
)
def test_values_below_the_floor_are_lifted_to_it_or_get_it_added(log, power, expected):
    for floor_by in ("max", "add"):
        declared = {"frame": 4, "hop": 4, "mels": 0, "log": log, "power": power, "floor": 0.25, "floor_by": floor_by}
        steps = steps_of({"name": "floor", "spectrogram": declared}, np.zeros((4, 1)))
        np.testing.assert_allclose(prepare_window(steps, np.zeros((4, 1))), expected, rtol=1e-6)
