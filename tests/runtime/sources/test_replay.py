"""Recordings played again."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge_sdk.errors import InputError
from edge_sdk.runtime import Run, RunOptions, open_sink, open_source
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.recording import pack, unpack
from tests.fakes import Keep, Replay
from tests.runtime.models import COLORS, card
from tests.runtime.recordings import record, samples

NUMBERS = st.sampled_from(["<f8", "<f4", "<i8", "<u2", "|u1", "|b1"])


def played(uri):
    source = open_source(uri)
    return list(iter(source.read, None))


def same_bits(one, other):
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


@given(arrays.arrays(NUMBERS, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0)))
def test_every_bit_of_an_array_is_kept(array):
    kind, data = pack(array)
    assert kind == "npy"
    assert same_bits(unpack(data, where="x"), array)


def test_windows_and_tensors_come_back_bit_by_bit(tmp_path):
    window = np.array([[0.1, np.nan], [np.inf, -0.0]])
    tensors = {"a": np.float32([[1 / 3]]), "b": np.int64([2**62])}
    first, second = played(record(tmp_path, [window, tensors]))
    assert same_bits(first.data, window)
    assert [same_bits(second.data[name], tensors[name]) for name in ("a", "b")] == [True, True]


def test_pictures_come_back_as_png_bit_by_bit_and_as_jpeg_alike(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    (exact,) = played(record(tmp_path / "png", [noise], options="?pictures=png"))
    (alike,) = played(record(tmp_path / "jpeg", [card("red")]))
    assert same_bits(exact.data, noise)
    assert np.abs(alike.data.astype(int) - card("red")).max() < 4


def test_times_and_numbers_are_places_in_the_recording_with_its_gaps(tmp_path):
    made = samples([np.zeros(3)] * 6)
    got = played(record(tmp_path, [made[1], made[2], made[5]]))
    assert [(sample.seq, sample.captured_ns) for sample in got] == [(0, 0), (1, 20_000_000), (4, 80_000_000)]
    assert {(sample.clock, sample.source) for sample in got} == {("file", f"{tmp_path}/camera:0")}
    assert open_source(f"replay:{tmp_path}").fps == 25.0


def test_runs_follow_each_other_without_the_time_between(tmp_path):
    record(tmp_path, samples([np.zeros(3)] * 2, start_ns=10**15))
    got = played(record(tmp_path, samples([np.ones(3)] * 2, start_ns=7)))
    assert [sample.seq for sample in got] == [0, 1, 2, 3]
    assert [sample.captured_ns // 10**6 for sample in got] == [0, 20, 40, 60]


def test_of_several_sources_all_are_played_or_one(tmp_path):
    front, back = samples([np.zeros(3)] * 2, source="front"), samples([np.ones(3)] * 2, source="back")
    uri = record(tmp_path, [front[0], back[0], front[1], back[1]])
    assert [(sample.seq, sample.source.rpartition("/")[2]) for sample in played(uri)] == [
        (0, "front"),
        (1, "back"),
        (2, "front"),
        (3, "back"),
    ]
    assert [sample.data[0] for sample in played(f"{uri}?source=back")] == [1, 1]
    with pytest.raises(
        InputError, match=r"expected one of its sources \(back, front\), got 'bak'; did you mean 'back'"
    ):
        open_source(f"{uri}?source=bak")


def test_sources_without_a_common_clock_are_not_played_together(tmp_path):
    uri = record(tmp_path, [Sample(np.zeros(3), 0, 0, "file", "a.csv"), *samples([np.zeros(3)])])
    with pytest.raises(InputError, match="expected sources of one clock, got files beside others"):
        open_source(uri)
    assert len(played(f"{uri}?source=a.csv")) == 1


def test_at_its_own_pace_samples_come_when_they_came_then(tmp_path):
    source = open_source(record(tmp_path, samples([np.zeros(3)] * 5, period_ns=30_000_000)) + "?pace=real")
    start_s = time.monotonic()
    stamps_ns = [sample.captured_ns for sample in iter(source.read, None)]
    assert time.monotonic() - start_s >= 0.12
    assert np.diff(stamps_ns).tolist() == [30_000_000] * 4


@pytest.mark.parametrize("line", [b"no json\n", b'{"seq": 1}\n'])
def test_what_is_no_recording_is_told_by_its_file(tmp_path, line):
    (tmp_path / "0001-00000.samples").write_bytes(line)
    with pytest.raises(InputError, match=r"0001-00000\.samples"):
        open_source(f"replay:{tmp_path}")


@pytest.mark.parametrize("kind", ["png", "jpeg", "npy", "npz"])
def test_broken_data_is_one_sample_that_cannot_be_read(tmp_path, kind):
    line = f'{{"seq": 0, "captured_ns": 0, "clock": "driver", "source": "x", "kind": "{kind}", "size_bytes": 3}}\n'
    (tmp_path / "0001-00000.samples").write_bytes(line.encode() + b"abc")
    source = open_source(f"replay:{tmp_path}")
    with pytest.raises(InputError, match=r"0001-00000\.samples #0: expected .*, got 3 bytes that"):
        source.read()
    assert source.read() is None


def test_a_run_that_is_played_again_gives_the_same_results(colors, tmp_path):
    pictures = [card(name) for name in COLORS * 5]
    sinks = [Keep(), open_sink(f"record:{tmp_path}?pictures=png", None)]
    Run(colors, Replay(pictures, live=True), sinks=sinks, options=RunOptions(policy="every")).execute()
    again = Keep()
    report = Run(colors, open_source(f"replay:{tmp_path}"), sinks=[again]).execute()
    assert report.accounts.results == len(pictures)
    assert [outcome.value for outcome in again.outcomes] == [outcome.value for outcome in sinks[0].outcomes]
