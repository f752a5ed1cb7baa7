"""Features of real recordings (EDGE_SDK_ASSETS): those that the models were trained with, and the models' answers."""

from __future__ import annotations

import csv
import os
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge_sdk.preprocess import WindowSteps, prepare_window
from edge_sdk.preprocess.features_record import Features, Spectrogram
from edge_sdk.runtime import open_source
from edge_sdk.session import host_config, open_session

ASSETS = Path(os.environ.get("EDGE_SDK_ASSETS", Path(__file__).parents[3] / "shared" / "assets"))
KEYWORDS = WindowSteps(
    columns=("sound",),
    seconds=1.0,
    hop_seconds=1.0,
    rate_hz=16000.0,
    normalize="max",
    layout="channels-last",
    spectrogram=Spectrogram(
        **{"frame": 480, "hop": 320, "fft": 512, "power": 1, "mels": 40, "min_hz": 20.0, "max_hz": 4000.0},
        **{"triangles": "mel", "floor": 1e-6, "floor_by": "add", "coefficients": 10, "dct": "htk"},
    ),
)
BEARINGS = WindowSteps(
    columns=("de_accel_g",),
    samples=1024,
    hop=1024,
    features=Features(("mean", "std", "rms", "peak", "crest", "skewness", "kurtosis", "shape")),
)


def asset(name):
    if not (ASSETS / name).exists():
        pytest.skip(f"no {name} in EDGE_SDK_ASSETS")
    return ASSETS / name


def second_of(path):
    """Return the sound of a file as the runtime reads it, filled with silence up to a second."""
    with closing(open_source(f"wav:{path}?seconds=1", window=KEYWORDS)) as source:
        return source.read().data


def test_cepstral_coefficients_of_wavs_are_those_of_the_training_and_so_are_the_answers():
    table = asset("audio/speech_commands_labels.csv")
    theirs = np.load(asset("audio/kws_mlperf_mfcc.npz"))
    session = open_session(asset("models/kws_dscnn_mlperf.onnx").read_bytes(), host_config(), where="keywords")
    place = {name: i for i, name in enumerate(theirs["name"])}
    right = []
    for row in csv.DictReader(table.open()):
        tensor = prepare_window(KEYWORDS, second_of(ASSETS / "audio/speech_commands" / row["file"]))
        np.testing.assert_allclose(tensor[0], theirs["x"][place[row["file"]]], atol=1e-3)
        if row["role"] == "eval":
            right.append(int(np.argmax(session.run({"input_1": tensor})["dense"])) == int(row["label"]))
    assert (sum(right), len(right)) == (242, 264)  # 91.7 %, as published with these files


def test_statistics_of_vibrations_give_a_forest_its_published_accuracy():
    windows = np.load(asset("sensors/cwru_drive_end.npz"))
    session = open_session(asset("models/cwru_rf.onnx").read_bytes(), host_config(), where="bearings")
    for load, accuracy in ((2, 0.9033), (3, 0.918)):
        told = np.concatenate(
            [prepare_window(BEARINGS, window[:, np.newaxis]) for window in windows[f"x_eval_load{load}"]]
        )
        answers = session.run({"X": told})["label"]
        assert np.mean(answers == windows[f"y_eval_load{load}"]) == pytest.approx(accuracy, abs=5e-4)
