from __future__ import annotations

import pytest

from edge_sdk.errors import InputError
from edge_sdk.runtime.bench import BenchReport, bench
from tests.fakes import Replay
from tests.runtime.models import card


def test_a_model_is_measured_beside_onnxruntime_alone(colors):
    report = bench(colors, frames=50)
    assert isinstance(report, BenchReport)
    assert (report.frames, report.bare.count, report.stages["frame"].count) == (50, 50, 50)
    assert report.source == "noise of 1280x720"
    assert report.providers == ("CPUExecutionProvider",)
    assert report.frames_per_s == pytest.approx(1e3 / report.stages["frame"].p50_ms, rel=0.01)
    assert 10e6 < report.peak_memory_bytes < 10e9


def test_what_edge_sdk_adds_is_less_than_a_millisecond(colors):
    report = bench(colors, frames=200)
    assert report.stages["own"].p50_ms + report.around_bare_p50_ms < 1.0


def test_samples_of_a_source_are_taken_by_turns(colors):
    report = bench(colors, Replay([card("red"), card("blue")]), frames=5)
    assert (report.source, report.frames) == ("replay", 5)


@pytest.mark.parametrize(("frames", "message"), [(0, "frames: expected at least 1, got 0"), (-1, "frames: .* got -1")])
def test_a_number_of_frames_that_is_none_is_refused(colors, frames, message):
    with pytest.raises(InputError, match=message):
        bench(colors, frames=frames)


def test_a_source_without_samples_is_refused(colors):
    with pytest.raises(InputError, match=r"^replay: expected samples, got none$"):
        bench(colors, Replay([]))


def test_a_model_without_preprocessing_is_measured_on_noise(adds):
    assert bench(adds, frames=5).source == "noise"


def test_a_sample_that_does_not_fit_is_told_at_once(colors, caplog):
    with pytest.raises(InputError, match=r"^image: expected uint8 \[height, width, 3\], got "):
        bench(colors, Replay([card("red")[:, :, 0]]))
    assert caplog.messages == []
