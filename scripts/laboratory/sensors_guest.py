"""In the emulated machine: our sensors on real drivers of the kernel, whose chips are tables of registers (i2c-stub).

The registers of the BMP280 are those of its data sheet's worked example: 25.08 °C and 100653.27 Pa.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from smbus2 import SMBus

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import EdgeError
from edge_sdk.preprocess import WindowSteps
from edge_sdk.runtime import open_source
from edge_sdk.runtime.sources import open_sensor
from scripts.laboratory.telling import tell

THERMOMETER, BARE, BAROMETER = 0x48, 0x49, 0x76
CALIBRATION = struct.pack("<HhhHhhhhhhhh", 27504, 26435, -1000, 36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000)
PARSER = """
identity = { register = 0x0f, bytes = [0xb3] }
[[init]]
register = 0x10
bytes = [0x60, 0xa0]
[[values]]
name = "temperature_c"
register = 0x00
size_bytes = 2
signed = true
shift = 4
scale = 0.0625
"""


def bus_folder() -> Path:
    """Return the bus of the stub, below /sys."""
    buses = Path("/sys/bus/i2c/devices").glob("i2c-*")
    return next(bus for bus in buses if "stub" in (bus / "name").read_text())


def bus_number() -> int:
    """Return its number."""
    return int(bus_folder().name.removeprefix("i2c-"))


def write(chip: int, register: int, data: bytes) -> None:
    """Write a chip's registers, whoever has it."""
    with SMBus(bus_number(), force=True) as bus:
        for place, byte in enumerate(data):
            bus.write_byte_data(chip, register + place, byte)


def warm(degrees: float) -> None:
    """Set the thermometer, which answers with the high byte first."""
    with SMBus(bus_number(), force=True) as bus:
        bus.write_word_data(THERMOMETER, 0, struct.unpack("<H", struct.pack(">h", round(degrees * 256)))[0])


def bind(driver: str, chip: int) -> None:
    """Let a driver of the kernel have a chip."""
    (bus_folder() / "new_device").write_text(f"{driver} {chip:#x}")


def read(uri: str, columns: tuple[str, ...], count: int = 3) -> list[list[float]]:
    """Return rows of a sensor."""
    with closing(open_sensor(uri, columns)) as sensor:
        rows = [sensor.read() for _ in range(count)]
    return [row.values[0].tolist() for row in rows if row is not None]


def barometer() -> list[list[float]]:
    """Read the kernel's barometer."""
    write(BAROMETER, 0xD0, b"\x58")
    write(BAROMETER, 0x88, CALIBRATION)
    write(BAROMETER, 0xF7, bytes([415148 >> 12, 415148 >> 4 & 0xFF, (415148 & 0xF) << 4]))
    write(BAROMETER, 0xFA, bytes([519888 >> 12, 519888 >> 4 & 0xFF, (519888 & 0xF) << 4]))
    bind("bmp280", BAROMETER)
    return read("iio:bmp280?channels=temp,pressure&rate_hz=50", ("t", "p"))


def windows() -> list[dict[str, Any]]:
    """Read the model's windows of the barometer."""
    source = open_source("iio:bmp280?channels=temp&rate_hz=20", window=WindowSteps(("t",), samples=4, hop=2))
    with closing(source):
        samples = [source.read() for _ in range(3)]
    return [{"seq": s.seq, "clock": s.clock, "shape": s.data.shape} for s in samples if s is not None]  # type: ignore[union-attr]


def thermometer() -> list[float]:
    """Read the kernel's thermometer at three temperatures."""
    warm(21.5)
    bind("lm75", THERMOMETER)
    told = []
    for degrees in (21.5, 42.0, -5.5):
        warm(degrees)
        with closing(open_sensor("hwmon:lm75?channels=temp1&rate_hz=0.5", ("t",))) as sensor:
            rows = sensor.read()
        told.append(float(rows.values[0, 0]) if rows is not None else 0.0)
    return told


def declared() -> dict[str, Any]:
    """Read a chip without a driver by a declaration of ours."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(PARSER)
        file.flush()
        uri = f"i2c:{bus_number()}:{BARE:#x}?parser={file.name}&rate_hz=50"
        refused = refusal(lambda: read(uri, ("temperature_c",)))
        write(BARE, 0x0F, b"\xb3")
        write(BARE, 0x00, (-200 << 4 & 0xFFFF).to_bytes(2, "big"))
        rows = read(uri, ("temperature_c",))
        with SMBus(bus_number()) as bus:
            return {"refused": refused, "rows": rows, "init": bus.read_i2c_block_data(BARE, 0x10, 2)}


def microphone() -> dict[str, Any]:
    """Hear what a loop of the kernel's sound system plays: a tone of 1000 Hz, half as loud as can be."""
    import sounddevice

    times = np.arange(48000 * 4) / 48000
    tone = np.round(16384 * np.sin(2 * np.pi * 1000 * times)).astype(np.int16)
    sounddevice.play(tone, 48000, device="hw:0,0")
    steps = WindowSteps(("sound",), samples=4800, hop=4800, rate_hz=48000.0)
    before_ns = monotonic_ns()
    with closing(open_source("mic:hw:0,1", window=steps)) as source:
        samples = [source.read() for _ in range(6)]
    sounds = [np.asarray(sample.data)[:, 0] for sample in samples if sample is not None]
    loudest = [int(np.argmax(np.abs(np.fft.rfft(sound)))) * 10 for sound in sounds]
    stamps_ms = [(sample.captured_ns - before_ns) / 1e6 for sample in samples if sample is not None]
    numbers = [sample.seq for sample in samples if sample is not None]
    return {"hz": loudest, "peak": float(np.abs(sounds[-1]).max()), "stamps_ms": stamps_ms, "numbers": numbers}


def unplugged() -> str:
    """Take the barometer away while it is read."""
    with closing(open_sensor("iio:bmp280?channels=temp&rate_hz=50", ("t",))) as sensor:
        sensor.read()
        (bus_folder() / "delete_device").write_text(f"{BAROMETER:#x}")
        return refusal(sensor.read)


def refusal(action: Callable[[], Any]) -> str:
    """Return the error that an action ends with."""
    try:
        action()
    except EdgeError as exc:
        return f"{type(exc).__name__}: {exc}"
    return "none"


if __name__ == "__main__":
    steps: dict[str, Callable[[], Any]] = {
        "bus": bus_number,
        "barometer": barometer,
        "windows": windows,
        "thermometer": thermometer,
        "declared": declared,
        "unplugged": unplugged,
        "microphone": microphone,
    }
    tell(steps)
