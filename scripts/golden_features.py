"""Write tests/cases/preprocess/features.json: signals of ours, and what librosa and SciPy compute of them.

The tests compare `edge_sdk.preprocess` with this file, and so need neither library:

    python -m venv /tmp/peers && /tmp/peers/bin/pip install librosa
    /tmp/peers/bin/python scripts/golden_features.py
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import scipy.signal
import scipy.stats

CASES = Path(__file__).parents[1] / "tests" / "cases" / "preprocess" / "features.json"
RATE_HZ = 8000
SOUND = "sound"
VIBRATION = "vibration"
STATISTICS = ["mean", "std", "rms", "peak", "crest", "skewness", "kurtosis", "excess_kurtosis", "zero_crossings"]
SPECTROGRAMS: dict[str, dict[str, Any]] = {
    "power spectrogram": {"frame": 256, "hop": 128, "mels": 0, "log": "none"},
    "magnitudes of shorter frames": {
        **{"frame": 200, "hop": 80, "fft": 256, "align": "centre"},
        **{"mels": 0, "log": "none", "power": 1},
    },
    "centred with zeros": {"frame": 256, "hop": 128, "pad": "zeros", "mels": 0, "log": "none"},
    "centred with a reflection": {
        **{"frame": 256, "hop": 128, "pad": "reflect", "taper": "hamming"},
        **{"mels": 0, "log": "none"},
    },
    "mel htk": {"frame": 256, "hop": 128, "mels": 20, "log": "none", "min_hz": 20.0, "max_hz": 3800.0},
    "mel slaney, normed": {"frame": 256, "hop": 128, "mels": 20, "log": "none", "scale": "slaney", "norm": "slaney"},
    "log-mel in decibels": {
        **{"frame": 256, "hop": 128, "mels": 16, "scale": "slaney", "norm": "slaney"},
        **{"log": "db", "top_db": 30.0},
    },
    "mfcc as librosa's default": {
        **{"frame": 512, "hop": 256, "pad": "zeros", "mels": 40, "scale": "slaney", "norm": "slaney"},
        **{"log": "db", "top_db": 80.0, "coefficients": 13},
    },
}


def signals() -> dict[str, list[list[float]]]:
    """Return a sound of one column and a vibration of two, rounded so that the file says exactly what they are."""
    times, noise = np.arange(1200) / RATE_HZ, np.random.default_rng(7).standard_normal((1200, 2))
    sound = 0.4 * np.sin(2 * np.pi * (300 + 4000 * times) * times) + 0.05 * noise[:, 0]
    turning = 2 + np.sin(2 * np.pi * 1000 * times[:150]) + 0.3 * noise[:150, 1]
    vibration = np.stack([noise[:150, 0] ** 3, turning], axis=1)
    return {SOUND: np.round(sound[:, np.newaxis], 5).tolist(), VIBRATION: np.round(vibration, 5).tolist()}


def spectrogram(steps: dict[str, Any], sound: np.ndarray) -> np.ndarray:
    """Return what librosa computes, [frames, bands]."""
    power, padding = steps.get("power", 2), steps.get("pad", "none")
    values = (
        np.abs(
            librosa.stft(
                sound,
                n_fft=steps.get("fft", steps["frame"]),
                hop_length=steps["hop"],
                win_length=steps["frame"],
                window=steps.get("taper", "hann"),
                center=padding != "none",
                pad_mode="reflect" if padding == "reflect" else "constant",
                dtype=np.complex128,
            )
        )
        ** power
    )
    if steps["mels"]:
        filters = librosa.filters.mel(
            sr=RATE_HZ,
            n_fft=steps.get("fft", steps["frame"]),
            n_mels=steps["mels"],
            fmin=steps.get("min_hz", 0.0),
            fmax=steps.get("max_hz"),
            htk=steps.get("scale", "htk") == "htk",
            norm="slaney" if steps.get("norm") == "slaney" else None,
            dtype=np.float64,
        )
        values = filters @ values
    if steps["log"] == "db":
        values = librosa.power_to_db(values, amin=1e-10, ref=1.0, top_db=steps["top_db"])
    if "coefficients" in steps:
        values = librosa.feature.mfcc(S=values, n_mfcc=steps["coefficients"])
    return values.T


def statistics(columns: np.ndarray) -> np.ndarray:
    """Return what SciPy and NumPy say about each column."""
    rms, peak = np.sqrt(np.mean(columns**2, axis=0)), np.max(np.abs(columns), axis=0)
    rows = [columns.mean(axis=0), columns.std(axis=0), rms, peak, peak / rms, scipy.stats.skew(columns)]
    rows += [scipy.stats.kurtosis(columns, fisher=False), scipy.stats.kurtosis(columns)]
    rows += [librosa.zero_crossings(columns.T, pad=False, zero_pos=True)[:, 1:].mean(axis=1)]
    return np.stack(rows).T.reshape(-1)


def bands(edges_hz: list[float], columns: np.ndarray) -> np.ndarray:
    """Return the power of each column in each band, by SciPy's periodogram."""
    hz, density = scipy.signal.periodogram(columns, RATE_HZ, window="hann", detrend="constant", axis=0)
    within = [density[(hz >= low) & (hz < high)].sum(axis=0) for low, high in pairwise(edges_hz)]
    return (np.stack(within) * (hz[1] - hz[0])).T.reshape(-1)


def cases() -> list[dict[str, Any]]:
    """Return each declaration with what the peers compute."""
    told = {name: np.array(rows) for name, rows in signals().items()}
    edges_hz = [0.0, 400.0, 900.0, 1100.0, 4000.5]
    made = [
        {"name": name, "signal": SOUND, "spectrogram": steps, "expected": spectrogram(steps, told[SOUND][:, 0])}
        for name, steps in SPECTROGRAMS.items()
    ]
    vibration = told[VIBRATION]
    for name, features, expected in (
        ("statistics", {"statistics": STATISTICS}, statistics(vibration)),
        ("bands", {"bands": {"edges_hz": edges_hz}}, bands(edges_hz, vibration)),
    ):
        made.append({"name": name, "signal": VIBRATION, "features": features, "expected": expected})
    return [{**case, "expected": _rounded(case["expected"])} for case in made]


def _rounded(values: np.ndarray) -> list[Any]:
    return [[float(f"{value:.8g}") for value in row] for row in np.atleast_2d(values)]


if __name__ == "__main__":
    CASES.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(case) for case in cases())
    CASES.write_text(f'{{"rate_hz": {RATE_HZ}, "signals": {json.dumps(signals())},\n"cases": [\n{lines}\n]}}\n')
