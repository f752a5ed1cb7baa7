from __future__ import annotations

from pathlib import Path

import pytest

from edge_sdk.errors import InputError
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import QuantRequest
from edge_sdk.quantize.request import silent

BOARD = load_profile("raspberry-pi-5")


def request(**changes):
    return QuantRequest(**{"model": Path("m.onnx"), "profiles": (BOARD,), "calibration": "pictures", **changes})


def test_the_name_of_the_package_is_the_models_or_the_one_given():
    assert request().package_name == "m"
    assert request(name="parts").package_name == "parts"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"profiles": ()}, "profile: expected at least one board, got none"),
        ({"profiles": (BOARD, BOARD)}, "profile: expected each board once, got raspberry-pi-5, raspberry-pi-5"),
        ({"model": Path("my model.onnx")}, "name: expected letters, digits, '.', '_', '-', got 'my model'"),
        ({"name": "../x"}, "name: expected letters, digits, '.', '_', '-', got '../x'"),
        ({"calibration_samples": 0}, "calibration-samples: expected 1 or more, got 0"),
        ({"version": 0}, "version: expected 1 or more, got 0"),
        ({"min_gain": 101.0}, "min-gain: expected 0 to 100, got 101"),
        ({"max_drop_points": -0.1}, "max-drop: expected 0 to 100, got -0.1"),
        ({"max_drop_points": float("nan")}, "max-drop: expected 0 to 100, got nan"),
        ({"max_drop_points": float("inf")}, "max-drop: expected 0 to 100, got inf"),
        ({"min_agreement": 1.5}, "min-agreement: expected 0 to 1, got 1.5"),
        ({"min_integer_share": float("nan")}, "min-integer-share: expected 0 to 1, got nan"),
    ],
)
def test_what_cannot_be_done_is_refused(changes, message):
    with pytest.raises(InputError) as caught:
        request(**changes)
    assert str(caught.value) == message


def test_silence_takes_steps_and_shows_nothing(capsys):
    with silent("title", 3) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")
