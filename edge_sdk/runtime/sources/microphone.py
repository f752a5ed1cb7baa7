"""Sound of a microphone, -1 to 1: `mic:`, `mic:USB?rate_hz=48000`.

- A device is found by a part of its name: numbers change when something is plugged in.
- What PortAudio says it lost (`input_overflow`) and what nobody took in time are lost rows.
- A model of one column gets one channel; one of several, as many channels.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.extras import require
from edge_sdk.runtime.frame import Clock
from edge_sdk.runtime.rows import Rows, Slack
from edge_sdk.runtime.sources.record import Address
from edge_sdk.tensors import Array

_BLOCK_S = 0.02
_TIMEOUT_S = 5.0
_BLOCKS = 250
"""How much waits at most: 5 s."""


@dataclass(frozen=True, slots=True)
class MicrophoneOptions:
    """What the address may say: samples a second, 0 meaning those of the model, or 16000."""

    rate_hz: float = 0.0


def open_microphone(address: Address, columns: tuple[str, ...], *, sound: ModuleType | None = None) -> Microphone:
    """Open a microphone.

    Raises:
        InputError: An option is wrong, or sounddevice or PortAudio is not installed.
        UnavailableError: There is no such device, or it does not have the rate.
    """
    options = address.read_options(MicrophoneOptions)
    wanted_hz = address.window.rate_hz if address.window is not None else None
    rate_hz = options.rate_hz or wanted_hz or 16000.0
    name = f"mic:{address.place}"
    return Microphone(sound or require("sounddevice", extra="audio", where=name), name, len(columns), rate_hz=rate_hz)


class Microphone:
    """A sound card's input."""

    live = True
    clock: Clock = "driver"
    slack: Slack | None = None

    def __init__(self, sound: Any, name: str, channels: int, *, rate_hz: float) -> None:
        """Start to record.

        Raises:
            InputError: Several devices have this name.
            UnavailableError: There is no such device, or it does not have the rate or the channels.
        """
        self.name, self.rate_hz = name, rate_hz
        self._blocks: queue.Queue[tuple[Array, int, int]] = queue.Queue(_BLOCKS)
        self._lost = 0
        self._end_ns = 0
        try:
            self._stream = sound.InputStream(
                samplerate=rate_hz,
                blocksize=round(_BLOCK_S * rate_hz),
                device=_find(sound, name),
                channels=channels,
                dtype="int16",
                callback=self._take,
            )
            self._stream.start()
        except sound.PortAudioError as exc:
            raise UnavailableError(f"{name}: expected {channels} channels at {rate_hz:g} Hz, got {exc}") from exc

    def read(self) -> Rows | None:
        """Return the next samples; see `Sensor.read`."""
        try:
            block, start_ns, lost = self._blocks.get(timeout=_TIMEOUT_S)
        except queue.Empty as exc:
            raise UnavailableError(f"{self.name}: expected sound, got none for {_TIMEOUT_S:g} s") from exc
        stamps_ns = start_ns + np.round(np.arange(len(block)) * (1e9 / self.rate_hz)).astype(np.int64)
        return Rows(block.astype(np.float64) / 32768, stamps_ns, lost)

    def close(self) -> None:
        """Stop recording."""
        self._stream.close()

    def _take(self, block: Array, frames: int, time: Any, status: Any) -> None:
        """Take a block from PortAudio's thread."""
        start_ns = monotonic_ns() - round((time.currentTime - time.inputBufferAdcTime) * 1e9)
        if status.input_overflow:
            missing_s = (start_ns - self._end_ns) / 1e9 if self._end_ns else 0.0
            self._lost += max(1, round(missing_s * self.rate_hz))
        self._end_ns = start_ns + round(frames / self.rate_hz * 1e9)
        try:
            self._blocks.put_nowait((block.copy(), start_ns, self._lost))
            self._lost = 0
        except queue.Full:
            self._lost += frames


def _find(sound: Any, name: str) -> int | None:
    """Return the number of the one input whose name has this part; None, the usual input, for no name."""
    part = name.partition(":")[2]
    if not part:
        return None
    inputs = {i: device["name"] for i, device in enumerate(sound.query_devices()) if device["max_input_channels"]}
    found = [i for i, told in inputs.items() if part.lower() in told.lower()]
    if not found:
        raise UnavailableError(f"{name}: expected an input {part}, got {', '.join(inputs.values()) or 'none'}")
    if len(found) > 1:
        raise InputError(f"{name}: expected one input {part}, got {', '.join(inputs[i] for i in found)}")
    return found[0]
