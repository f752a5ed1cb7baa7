from __future__ import annotations

import pytest

from edge_sdk.cli.thrift import told_motion
from edge_sdk.errors import InputError
from edge_sdk.preprocess import Preprocess, WindowSteps
from edge_sdk.runtime.thrift.motion import MotionOptions

WINDOWS = Preprocess(window=WindowSteps(samples=4, hop=4, columns=("x",)))


def test_a_motion_gate_is_asked_for_by_grey_levels():
    assert told_motion(6, Preprocess()) == MotionOptions(threshold=6)
    assert told_motion(None, WINDOWS) is None


def test_a_model_of_sensor_windows_has_no_motion_gate():
    with pytest.raises(InputError, match="--motion-gate: expected a model of pictures, got one of windows"):
        told_motion(6, WINDOWS)
