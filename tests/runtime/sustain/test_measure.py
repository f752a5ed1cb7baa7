"""Whole measurements, on clips, cameras and boards that are folders."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.feed import Feed
from edge_sdk.runtime.sustain.endless import open_endless
from edge_sdk.runtime.sustain.measure import Sustained
from edge_sdk.runtime.sustain.record import SustainOptions
from tests.fakes import Keep, NetworkCamera, Replay
from tests.runtime.models import COLORS, card, write_clip
from tests.sysfs import lay

FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
ZONE = "sys/class/thermal/thermal_zone0"


@pytest.fixture
def clip(tmp_path):
    return partial(open_endless, [str(write_clip(tmp_path / "clip.mp4", [card(name) for name in COLORS]))])


@pytest.fixture
def board(tmp_path):
    """A Raspberry Pi that was short of voltage before, and is not now."""
    return lay(tmp_path, {FIRMWARE: "10000", f"{ZONE}/type": "cpu-thermal", f"{ZONE}/temp": "51000"})


def test_a_clip_is_run_again_and_again_for_the_time(colors, clip, board):
    sink, looks = Keep(), []
    options = SustainOptions(2.5, min_fps=0.1, max_p99_ms=1e5)
    report = Sustained(colors, clip, options, sinks=[lambda _: sink], tell=looks.append, root=board).measure()
    accounts = report.run.accounts
    assert (report.valid, report.shortened, report.told_by) == (True, False, ("firmware",))
    assert report.run.duration_s >= 2.5
    assert accounts.captured == accounts.delivered + sum(accounts.dropped.values())
    assert accounts.results == len(sink.outcomes) > len(COLORS)
    assert report.run.stages["frame"].count == accounts.results
    assert (report.first.frame_ms > 0, report.last.frame_ms > 0, report.bare_end.count > 4) == (True, True, True)
    assert report.cpu_cores > 0
    assert min(report.peak_memory_bytes, report.start_memory_bytes, report.end_memory_bytes) > 10**7
    assert (report.temperature_c.start, report.clock_hz, report.outside_cores) == (51.0, None, None)
    assert report.notes == ("before the measurement, not in it: under-voltage",)
    assert [bar.is_met for bar in report.bars] == [True, True]
    assert [look.at_s for look in looks] == sorted(look.at_s for look in looks)


def test_a_flag_that_comes_during_the_run_makes_it_invalid(colors, clip, board):
    def heat(_):
        lay(board, {FIRMWARE: "50004", f"{ZONE}/temp": "85500"})

    report = Sustained(colors, clip, SustainOptions(1.5), tell=heat, root=board).measure()
    assert [disturbance.kind for disturbance in report.disturbances] == ["throttled"]
    assert not report.valid
    assert report.temperature_c.most == 85.5
    assert report.run.accounts.results > 0


def test_one_that_is_stopped_tells_what_was_measured(colors, clip, board):
    measurement = Sustained(colors, clip, SustainOptions(600), tell=lambda _: measurement.stop(), root=board)
    report = measurement.measure()
    assert (report.shortened, report.run.ended, report.run.accounts.results > 0) == (True, "stopped", True)


def test_one_that_nobody_can_watch_ends_and_says_why(colors, clip, board):
    def fail(_):
        raise ValueError("no terminal")

    with pytest.raises(ValueError, match="no terminal"):
        Sustained(colors, clip, SustainOptions(600), tell=fail, root=board).measure()


def test_one_that_is_stopped_in_its_warm_up_measures_nothing(colors, clip, board):
    measurement = Sustained(colors, clip, SustainOptions(600, warm_up_s=600), root=board)
    threading.Timer(0.5, measurement.stop, ["interrupted"]).start()
    report = measurement.measure()
    assert (report.shortened, report.run.ended) == (True, "interrupted")
    assert report.run.duration_s < 60


def test_results_of_a_camera_have_an_age(colors, board):
    with NetworkCamera("good") as camera:
        options = SustainOptions(1.5, warm_up_s=0.2, max_p99_ms=1e-6)
        report = Sustained(colors, partial(open_endless, [camera.uri]), options, root=board).measure()
        assert camera.calls == 3  # the first picture, the warm-up, the run
    assert report.run.stages["age"].p99_ms == report.bars[0].got > 0
    assert not report.bars[0].is_met


def test_a_source_that_ends_by_itself_shortens_it(colors, board):
    def cards():
        return [Feed(Replay([card("red")] * 3, live=True))]

    report = Sustained(colors, cards, SustainOptions(600), root=board).measure()
    assert (report.shortened, report.run.ended, report.run.accounts.captured) == (True, "end", 3)


@pytest.mark.parametrize(
    ("script", "message"),
    [([], "^replay: expected samples, got none$"), ([card("red")[:, :, 0]], "^image: expected uint8 ")],
)
def test_what_cannot_be_measured_is_told_at_once(colors, script, message):
    source = Replay(script)
    with pytest.raises(InputError, match=message):
        Sustained(colors, lambda: [Feed(source)], SustainOptions(600)).measure()
    assert source.is_closed


def test_a_sink_that_cannot_be_opened_leaves_nothing_open(colors):
    sources = []

    def cards():
        sources.append(Replay([card("red")]))
        return [Feed(sources[-1])]

    def fail(_):
        raise UnavailableError("x: expected room to write, got a full disk")

    sink = Keep()
    with pytest.raises(UnavailableError, match="full disk"):
        Sustained(colors, cards, SustainOptions(600), sinks=[lambda _: sink, fail]).measure()
    assert [source.is_closed for source in sources] == [True, True]
    assert sink.closed == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"duration_s": 0}, "duration_s: expected more than 0, got 0"),
        ({"duration_s": float("nan")}, "duration_s: expected more than 0, got nan"),
        ({"duration_s": 1, "min_fps": -1}, "min_fps: expected more than 0, got -1"),
        ({"duration_s": 1, "max_p99_ms": 0}, "max_p99_ms: expected more than 0, got 0"),
        ({"duration_s": 1, "warm_up_s": -1}, "warm_up_s: expected 0 or more, got -1"),
    ],
)
def test_limits_that_make_no_sense_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        SustainOptions(**values)
