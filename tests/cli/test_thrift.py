from __future__ import annotations

import re
from dataclasses import replace

import pytest

from edge_sdk.cli.thrift import told_governor, told_ladder, told_motion
from edge_sdk.errors import InputError
from edge_sdk.package import open_package
from edge_sdk.preprocess import Preprocess, WindowSteps
from edge_sdk.profiles import load_profile
from edge_sdk.runtime.thrift.motion import MotionOptions
from tests.runtime.models import write_colors, write_moving

WINDOWS = Preprocess(window=WindowSteps(samples=4, hop=4, columns=("x",)))


def test_a_motion_gate_is_asked_for_by_grey_levels():
    assert told_motion(6, Preprocess()) == MotionOptions(threshold=6)
    assert told_motion(None, WINDOWS) is None


def test_a_model_of_sensor_windows_has_no_motion_gate():
    with pytest.raises(InputError, match="--motion-gate: expected a model of pictures, got one of windows"):
        told_motion(6, WINDOWS)


@pytest.fixture
def package(tmp_path):
    return open_package(write_colors(tmp_path / "colors-1.edge"))


def test_a_ladder_is_written_from_the_top_down(package, tmp_path):
    small = write_colors(tmp_path / "small-1.edge")
    rungs = told_ladder(["fps=15,10", f"model={small}", "fps=2.5"], package, lambda package: package)
    assert [(rung.name, rung.fps) for rung in rungs] == [
        ("full", None),
        ("15 fps", 15),
        ("10 fps", 10),
        ("10 fps, small-1.edge", 10),
        ("2.5 fps, small-1.edge", 2.5),
    ]
    opened = [rung.open_model() for rung in rungs]
    assert [one is package for one in opened] == [True, True, True, False, False]
    assert opened[3].manifest == package.manifest


def test_rates_alone_need_no_other_model(package):
    assert [rung.open_model for rung in told_ladder(["fps=15"], package, lambda _: None)] == [None, None]


def test_a_model_that_does_another_thing_is_no_rung(package, tmp_path):
    other = write_moving(tmp_path / "moving-1.edge")
    with pytest.raises(InputError, match=r"moving-1.edge: expected the task of .* \(classification\), got detection"):
        told_ladder([f"model={other}"], package, lambda _: None)


def test_a_package_that_is_followed_shares_the_run_with_no_other(package):
    with pytest.raises(InputError, match="--ladder: expected rates alone with --follow-package, got model="):
        told_ladder(["model=small-1.edge"], package, lambda _: None, is_followed=True)
    assert len(told_ladder(["fps=5"], package, lambda _: None, is_followed=True)) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("15,10", "--ladder: expected fps=15,10,5 or model=FILE.edge, got '15,10'"),
        ("model=", "--ladder: expected fps=15,10,5 or model=FILE.edge, got 'model='"),
        ("fps=fast", "--ladder: expected rates such as fps=15,10,5, got 'fps=fast'"),
    ],
)
def test_a_ladder_of_another_form_is_refused(package, text, told):
    with pytest.raises(InputError, match=re.escape(told)):
        told_ladder([text], package, lambda _: None)


def test_the_board_says_how_hot_it_may_be(package):
    rungs = told_ladder(["fps=5"], package, lambda _: None)
    board = replace(load_profile("raspberry-pi-5"), max_temperature_c=77.0)
    assert told_governor(rungs, board, deadline_ms=None, max_temperature_c=None).max_temperature_c == 77
    assert told_governor(rungs, board, deadline_ms=50, max_temperature_c=70).max_temperature_c == 70
    assert told_governor(rungs, None, deadline_ms=None, max_temperature_c=None).max_temperature_c == 80


def test_limits_without_a_ladder_are_refused(package):
    top = told_ladder([], package, lambda _: None)
    assert told_governor(top, None, deadline_ms=None, max_temperature_c=None) is None
    with pytest.raises(InputError, match="--deadline-ms, --max-temperature: expected --ladder too, got none"):
        told_governor(top, None, deadline_ms=100, max_temperature_c=None)
