from __future__ import annotations

import pytest

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.preprocess import ImageSteps, Preprocess, WindowSteps
from edge_sdk.preprocess.features_record import Bands, Features, Spectrogram

BANDS = Features(bands=Bands((0.0, 1.0)))
FRAMES = Spectrogram(frame=4, hop=2, mels=2)
STD = Features(("std",))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size_wh": (0, 4)}, "size_wh: expected 1 to 16384 pixels, got [0, 4]"),
        ({"divisor": 0.0}, "divisor, std: expected values other than 0, got 0"),
        ({"std": (1.0, 0.0, 1.0)}, "divisor, std: expected values other than 0, got 0"),
        ({"mean": (0.5, 0.5)}, "mean: expected 1 or 3 values, got 2"),
        ({"std": (1.0, 1.0, 1.0), "color": "gray"}, "std: expected 1 or 1 values, got 3"),
        ({"resize": "crop", "shorter_side": 3}, "shorter_side: expected 4 to 16384 pixels, got 3"),
        ({"pad_value": 256}, "pad_value: expected 0 to 255, got 256"),
    ],
)
def test_impossible_picture_steps_are_refused(wrong, message):
    with pytest.raises(InputError) as caught:
        ImageSteps(**{"size_wh": (4, 4), **wrong})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"columns": ()}, "columns: expected at least one column, got none"),
        ({"samples": 0}, "samples, hop: expected at least 1, got 0 and 2"),
        ({"hop": 0}, "samples, hop: expected at least 1, got 4 and 0"),
        ({"mean": (0.0, 0.0, 0.0)}, "mean: expected 1 or 2 values, got 3"),
        ({"std": (0.0,)}, "std: expected values other than 0, got 0"),
        ({"rate_hz": 0.0}, "rate_hz: expected more than 0, got 0.0"),
        ({"seconds": 1.0}, "seconds: expected rate_hz beside it, got none"),
        ({"seconds": 1.0, "rate_hz": 5.0}, "samples: expected 5, as seconds tells, got 4"),
        ({"gap": "hold"}, "gap_rows: expected rows to fill for hold or interpolate only, got 0"),
        ({"gap_rows": 3}, "gap_rows: expected rows to fill for hold or interpolate only, got 3"),
        ({"layout": "no-channels"}, "layout: expected one column for no-channels, got 2"),
        ({"features": STD, "spectrogram": FRAMES}, "features, spectrogram: expected one of them, got both"),
        ({"features": BANDS}, "rate_hz: expected the rate of training, for frequencies, got none"),
        ({"spectrogram": FRAMES}, "rate_hz: expected the rate of training, for frequencies, got none"),
        ({"spectrogram": FRAMES, "rate_hz": 9.0, "samples": 3}, "samples: expected 4 or more, for one frame, got 3"),
        ({"features": Features(("std",), mean=(0.0, 1.0, 2.0))}, "mean: expected 1 or 2 values, got 3"),
    ],
)
def test_impossible_window_steps_are_refused(wrong, message):
    with pytest.raises(InputError) as caught:
        WindowSteps(**{"columns": ("x", "y"), "samples": 4, "hop": 2, **wrong})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("record", "wrong", "message"),
    [
        (Features, {}, "statistics, bands: expected at least one feature, got none"),
        (Features, {"statistics": ("std",), "std": (0.0,)}, "std: expected values other than 0, got 0"),
        (Bands, {"edges_hz": (1.0,)}, "edges_hz: expected two or more that ascend from 0, got [1.0]"),
        (Bands, {"edges_hz": (2.0, 1.0)}, "edges_hz: expected two or more that ascend from 0, got [2.0, 1.0]"),
        (Bands, {"edges_hz": (0.0, 1.0), "floor": 0.0}, "floor: expected more than 0, got 0.0"),
        (
            Spectrogram,
            {"frame": 8, "hop": 4, "fft": 4},
            "frame, hop, fft: expected 1 or more, the frame within fft, got 8, 4, 4",
        ),
        (
            Spectrogram,
            {"frame": 8, "hop": 4, "mels": 4, "coefficients": 5},
            "mels, coefficients: expected fewer than bins, got 4 and 5",
        ),
        (Spectrogram, {"frame": 8, "hop": 4, "mels": 4, "floor": 0.0}, "floor: expected more than 0, got 0.0"),
        (
            Spectrogram,
            {"frame": 8, "hop": 4, "mels": 4, "top_db": 80.0},
            "top_db: expected more than 0, beside log = 'db', got 80.0",
        ),
        (Spectrogram, {"frame": 8, "hop": 4, "mels": 4, "mean": (1.0, 2.0)}, "mean: expected 1 or 4 values, got 2"),
        (
            Spectrogram,
            {"frame": 8, "hop": 4, "mels": 4, "std": (0.0,)},
            "std: expected values other than 0, got 0",
        ),
    ],
)
def test_impossible_features_are_refused(record, wrong, message):
    with pytest.raises(InputError) as caught:
        record(**wrong)
    assert str(caught.value) == message


def test_seconds_become_rows_and_the_record_survives_being_written():
    steps = WindowSteps(("x",), rate_hz=12.5, seconds=2.0, hop_seconds=0.4, features=BANDS, gap="hold", gap_rows=2)
    assert (steps.samples, steps.hop) == (25, 5)
    assert records.read(WindowSteps, records.to_data(steps), where="steps") == steps


@pytest.mark.parametrize(
    "later", [{"rate_hz": 9.0}, {"normalize": "peak"}, {"layout": "no-channels"}, {"gap": "hold", "gap_rows": 1}]
)
def test_steps_that_older_readers_would_pass_over_are_told_from_others(later):
    first = {"columns": ("x",), "samples": 4, "hop": 2, "normalize": "window", "layout": "channels-last"}
    assert WindowSteps(**first).is_of_schema_1
    assert not WindowSteps(**{**first, **later}).is_of_schema_1


def test_pictures_and_windows_exclude_each_other():
    with pytest.raises(InputError, match="image, window: expected one of them, got both"):
        Preprocess(image=ImageSteps(size_wh=(4, 4)), window=WindowSteps(columns=("x",), samples=4, hop=4))
