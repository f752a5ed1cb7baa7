"""Sound from a WAV file, -1 to 1: `speech.wav`, `wav:speech.wav?pace=real&seconds=1`.

A model of one column gets the mean of the channels; one of several, as many channels as the file has.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_sdk.errors import InputError
from edge_sdk.files import unreadable
from edge_sdk.runtime.frame import Clock
from edge_sdk.runtime.rows import Rows, Slack
from edge_sdk.runtime.sources.paced import Pace, Paced
from edge_sdk.runtime.sources.record import Address
from edge_sdk.runtime.sources.sensor import Sensor
from edge_sdk.tensors import Array

_BLOCK_S = 0.02


@dataclass(frozen=True, slots=True)
class WavOptions:
    """What the address may say.

    Attributes:
        pace: `fast` as the model takes it, or `real` as it was recorded.
        seconds: A shorter file is filled with silence up to this length.
    """

    pace: Pace = "fast"
    seconds: float = 0.0


def open_wav(address: Address, columns: tuple[str, ...]) -> Sensor:
    """Open a WAV file.

    Raises:
        InputError: It is not there, is no PCM, or has other channels than the model takes.
    """
    options = address.read_options(WavOptions)
    recording = Wav(Path(address.place), len(columns), seconds=options.seconds)
    return Paced(recording) if options.pace == "real" else recording


class Wav:
    """A WAV file of PCM samples."""

    live = False
    clock: Clock = "file"
    slack: Slack | None = None

    def __init__(self, path: Path, channels: int, *, seconds: float = 0.0) -> None:
        """Open the file.

        Raises:
            InputError: It is not there, is no PCM, or has other channels.
        """
        self.name = str(path)
        try:
            self._file = wave.open(str(path))  # noqa: SIM115  closed in close
        except OSError as exc:
            raise unreadable(path, exc) from exc
        except (wave.Error, EOFError) as exc:
            raise InputError(f"{path}: expected a WAV file of PCM samples, got {exc or 'its end'}") from exc
        self._channels = channels
        if channels not in {1, self._file.getnchannels()}:
            there = self._file.getnchannels()
            self._file.close()
            raise InputError(f"{path}: expected {channels} channels, as the model's columns, got {there}")
        self.rate_hz: float | None = float(self._file.getframerate())
        self._left = max(self._file.getnframes(), round(seconds * self._file.getframerate()))
        self._row = 0

    def read(self) -> Rows | None:
        """Return the next samples; see `Sensor.read`."""
        rate_hz = self.rate_hz or 1.0
        count = min(max(1, round(_BLOCK_S * rate_hz)), self._left)
        if not count:
            return None
        sound = _pcm(self._file.readframes(count), self._file.getsampwidth()).reshape(-1, self._file.getnchannels())
        sound = np.pad(sound, ((0, count - len(sound)), (0, 0)))
        values = sound.mean(axis=1, keepdims=True) if self._channels == 1 else sound
        stamps_ns = np.round((self._row + np.arange(count)) * (1e9 / rate_hz)).astype(np.int64)
        self._row, self._left = self._row + count, self._left - count
        return Rows(values, stamps_ns)

    def close(self) -> None:
        """Close the file."""
        self._left = 0
        self._file.close()


def _pcm(data: bytes, width: int) -> Array:
    """Return samples from -1 to 1 of little-endian PCM; of one byte they are unsigned."""
    if width == 1:
        return (np.frombuffer(data, np.uint8).astype(np.float64) - 128) / 128
    whole = np.frombuffer(data, np.uint8).reshape(-1, width)
    padded = np.zeros((len(whole), 4), np.uint8)
    padded[:, 4 - width :] = whole
    return padded.view("<i4")[:, 0].astype(np.float64) / 2**31
