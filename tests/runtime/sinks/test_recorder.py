"""Recordings on disk: bounded, whole, and continued."""

from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime import open_sink, open_source
from edge_sdk.runtime.recording import list_parts, read_recording
from tests.runtime.recordings import record, samples

NOISE = [np.random.default_rng(number).standard_normal((50, 10)) for number in range(100)]  # 4 kB each


def size_bytes(folder):
    return sum(path.stat().st_size for path in folder.iterdir())


def numbers(folder):
    return [recorded.entry.seq for recorded in read_recording(folder)]


def test_a_folder_never_takes_more_than_it_may_and_the_youngest_stay(tmp_path):
    sink = open_sink(f"record:{tmp_path}?max_mb=0.1", None)
    for sample in samples(NOISE):
        sink.write(sample, None)
        assert size_bytes(tmp_path) <= 100_000
    sink.close()
    kept = numbers(tmp_path)
    assert 15 < len(kept) < 25
    assert kept == list(range(100 - len(kept), 100))


def test_earlier_runs_count_and_go_first(tmp_path):
    record(tmp_path, NOISE[:10])
    record(tmp_path, NOISE[:20], options="?max_mb=0.1")
    assert {run for run, _, _ in list_parts(tmp_path)} == {2}
    assert size_bytes(tmp_path) <= 100_000


def test_a_file_cut_short_ends_with_the_last_whole_sample(tmp_path):
    record(tmp_path, NOISE[:3])
    ((_, _, path),) = list_parts(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    assert numbers(tmp_path) == [0, 1]
    record(tmp_path, NOISE[:3])
    assert numbers(tmp_path) == [0, 1, 0, 1, 2]


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "0001-00000.samples.bak").write_text("mine")
    record(tmp_path, NOISE, options="?max_mb=0.05")
    assert (tmp_path / "notes.txt").read_text() == (tmp_path / "0001-00000.samples.bak").read_text() == "mine"


def test_a_sample_larger_than_the_folder_is_told(tmp_path):
    with pytest.raises(InputError, match=r"^record:.*: expected samples of 1000 bytes at most, got 4\d\d\d$"):
        record(tmp_path, NOISE[:1], options="?max_mb=0.001")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("?max_mb=0", "max_mb: expected more than 0, got 0"),
        ("?pictures=gif", "pictures: expected one of 'jpeg', 'png'"),
    ],
)
def test_a_wrong_option_is_told(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        open_sink(f"record:{tmp_path}{options}", None)


def test_a_place_that_is_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="expected a place to write, got Not a directory"):
        open_sink(f"record:{tmp_path}/file", None)


def test_closing_twice_is_harmless_and_an_empty_recording_is_none(tmp_path):
    sink = open_sink(f"record:{tmp_path}", None)
    sink.close()
    sink.close()
    with pytest.raises(InputError, match="expected a recording, got none there"):
        open_source(f"replay:{tmp_path}")
