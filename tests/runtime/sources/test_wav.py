from __future__ import annotations

import wave

import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.preprocess import WindowSteps
from edge_sdk.runtime import open_source

SOUND = WindowSteps(("sound",), samples=400, hop=400)


def write(path, samples, *, width=2, channels=1, rate_hz=8000):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate_hz)
        file.writeframes(b"".join(int(s).to_bytes(width, "little", signed=width > 1) for s in samples))
    return path


def read_all(uri, steps=SOUND):
    source = open_source(str(uri), window=steps)
    samples = []
    while (sample := source.read()) is not None:
        samples.append(sample)
    source.close()
    return samples


@pytest.mark.parametrize(("width", "least", "most"), [(1, 0, 255), (2, -32768, 32767), (3, -(2**23), 2**23 - 1)])
def test_samples_go_from_minus_one_to_one(tmp_path, width, least, most):
    write(tmp_path / "x.wav", [least, most] * 200, width=width)
    (sample,) = read_all(tmp_path / "x.wav")
    assert sample.data[:2, 0].tolist() == pytest.approx([-1, 1], abs=2**-6)
    assert sample.data.min() == -1


def test_times_are_places_in_the_file(tmp_path):
    samples = read_all(write(tmp_path / "x.wav", range(1200)))
    assert [sample.captured_ns for sample in samples] == [49_875_000, 99_875_000, 149_875_000]
    assert np.concatenate([s.data[:, 0] for s in samples]).tolist() == [i / 32768 for i in range(1200)]


def test_one_column_gets_the_mean_of_the_channels_and_two_get_both(tmp_path):
    write(tmp_path / "x.wav", [100, 300] * 400, channels=2)
    assert np.unique(read_all(tmp_path / "x.wav")[0].data * 32768).tolist() == [200]
    stereo = read_all(tmp_path / "x.wav", WindowSteps(("left", "right"), samples=400, hop=400))
    assert (stereo[0].data[0] * 32768).tolist() == [100, 300]
    with pytest.raises(InputError, match=r"x.wav: expected 3 channels, as the model's columns, got 2$"):
        read_all(tmp_path / "x.wav", WindowSteps(("a", "b", "c"), samples=400, hop=400))


def test_a_short_file_is_filled_with_silence_if_asked(tmp_path):
    write(tmp_path / "x.wav", [16384] * 100)
    assert read_all(tmp_path / "x.wav") == []
    (sample,) = read_all(f"wav:{tmp_path}/x.wav?seconds=0.05")
    assert sample.data[:, 0].tolist() == [0.5] * 100 + [0] * 300


def test_another_rate_is_brought_to_the_model_s(tmp_path):
    times = np.arange(8000) / 8000
    write(tmp_path / "x.wav", np.round(20000 * np.sin(2 * np.pi * 200 * times)))
    steps = WindowSteps(("sound",), seconds=0.1, hop_seconds=0.1, rate_hz=16000.0)
    made = np.concatenate([sample.data[:, 0] for sample in read_all(tmp_path / "x.wav", steps)])
    wanted = 20000 / 32768 * np.sin(2 * np.pi * 200 * np.arange(16000) / 16000)
    np.testing.assert_allclose(made[200:15800], wanted[200:15800], atol=2e-3)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound at all, but some text"])
def test_what_is_no_wav_is_refused(tmp_path, content):
    (tmp_path / "x.wav").write_bytes(content)
    with pytest.raises(InputError, match=r"x.wav: expected a WAV file of PCM samples, got "):
        read_all(tmp_path / "x.wav")
