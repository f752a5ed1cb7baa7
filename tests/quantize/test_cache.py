"""What is kept on disk: whole, bounded, and never trusted when damaged."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edge_sdk.quantize.cache import FolderCache, NoCache, Shelf
from edge_sdk.quantize.calibrate import Statistics
from edge_sdk.quantize.kept import restore_statistics, results_from_arrays, results_to_arrays, statistics_to_arrays
from edge_sdk.tasks import (
    Anomaly,
    Classification,
    Detections,
    Forecast,
    Instances,
    Poses,
    SegmentationMap,
    TensorResult,
)

KEY, OTHER, THIRD = "a" * 64, "b" * 64, "c" * 64


def entry(folder: Path, key: str = KEY) -> Path:
    return folder / f"{key}.kept"


def test_what_was_kept_is_found_by_the_next_process(tmp_path):
    FolderCache(tmp_path / "new").put(KEY, b"what was measured")
    used = []
    cache = FolderCache(tmp_path / "new", on_use=lambda: used.append("said"))
    cache.put(THIRD, b"its own")
    assert (cache.get(OTHER), cache.get(THIRD), used) == (None, b"its own", [])
    assert (cache.get(KEY), cache.get(KEY), used) == (b"what was measured", b"what was measured", ["said"])


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:40], lambda data: data[:-1] + b"?"])
def test_a_damaged_entry_is_removed_and_not_given(tmp_path, damage):
    cache = FolderCache(tmp_path)
    cache.put(KEY, b"what was measured")
    entry(tmp_path).write_bytes(damage(entry(tmp_path).read_bytes()))
    assert cache.get(KEY) is None
    assert not entry(tmp_path).exists()


def test_the_entries_that_were_used_longest_ago_go_first(tmp_path):
    cache = FolderCache(tmp_path, max_bytes=400)
    for age, key in ((3, KEY), (2, OTHER)):
        cache.put(key, bytes(100))
        os.utime(entry(tmp_path, key), (1000 - age, 1000 - age))
    assert cache.get(KEY) is not None
    (tmp_path / ".left.part").write_bytes(bytes(10))
    cache.put(THIRD, bytes(100))
    assert sorted(path.name[0] for path in tmp_path.iterdir()) == ["a", "c"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 400


def test_what_is_larger_than_the_cache_is_not_kept(tmp_path):
    cache = FolderCache(tmp_path, max_bytes=100)
    cache.put(KEY, bytes(100))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_used_is_no_error(tmp_path):
    (tmp_path / "taken").write_text("a file")
    cache = FolderCache(tmp_path / "taken")
    cache.put(KEY, b"x")
    assert cache.get(KEY) is None


def test_values_hang_on_the_inputs_and_on_what_they_are(tmp_path):
    cache = FolderCache(tmp_path)
    Shelf(cache, ("model",)).save({"x": np.arange(3)}, "noise", 7)
    assert np.array_equal(Shelf(cache, ("model",)).load("noise", 7)["x"], np.arange(3))
    assert Shelf(cache, ("another",)).load("noise", 7) is None
    assert Shelf(cache, ("model",)).load("noise", 8) is None
    assert Shelf(NoCache(), ("model",)).load("noise", 7) is None


def test_statistics_go_on_exactly_where_they_were_kept():
    values = np.random.default_rng(0).standard_normal((6, 1, 4, 9)).astype(np.float32)
    whole, first, second = ({"a": Statistics(), "b": Statistics()} for _ in range(3))

    def see(seen, part):
        for sample in part:
            for i, one in enumerate(seen.values()):
                one.histogram.add(sample * 10**i)
                one.channels.add(sample * 10**i)

    see(whole, values)
    see(first, values[:2])
    restore_statistics(second, statistics_to_arrays(first))
    see(second, values[2:])
    expected, got = statistics_to_arrays(whole), statistics_to_arrays(second)
    assert expected.keys() == got.keys()
    assert all(np.array_equal(expected[name], got[name]) for name in expected)


def test_results_come_back_as_they_were():
    parts = (np.ones((2, 4), np.float32), np.array([0.5, 0.25], np.float32), np.array([3, 1]))
    boxes = Detections(*parts)
    none = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
    for kind, results in {
        "classification": [Classification((3, 1), (0.75, 1 / 3)), Classification((), ())],
        "detection": [boxes, none],
        "segmentation": [SegmentationMap(np.ones((2, 3), np.int16), np.arange(4.0), np.array([6, 4]))],
        "instances": [
            Instances(*parts, np.ones((2, 3, 1), np.uint8), np.array([8, 3]), np.arange(4.0), np.array([6, 4]))
        ],
        "pose": [Poses(*parts, np.ones((2, 17, 3), np.float32))],
        "anomaly": [Anomaly(0.5, 0.25), Anomaly(float("nan"), float("nan"))],
        "forecast": [Forecast(np.ones((2, 3), np.float32))],
        "tensor": [TensorResult({"a/b": np.arange(6.0).reshape(2, 3), "y": np.array(3, np.int32)})],
    }.items():
        got = results_from_arrays(kind, results_to_arrays(results))
        assert repr(got) == repr(results)
