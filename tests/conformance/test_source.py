"""What every source must do; a new source adds a way to open it to `SCRIPTS` and passes unchanged."""

from __future__ import annotations

import os
import shutil
import struct
import threading
import time
import tty
import wave
from contextlib import closing, contextmanager

import cv2
import numpy as np
import pytest

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.preprocess import WindowSteps
from edge_sdk.runtime import open_source
from edge_sdk.runtime.sources import SENSORS, SOURCES
from edge_sdk.runtime.sources.gstreamer import GStreamerStream
from edge_sdk.runtime.sources.hwmon import open_hwmon, open_thermal
from edge_sdk.runtime.sources.i2c import open_i2c
from edge_sdk.runtime.sources.iio import open_iio
from edge_sdk.runtime.sources.microphone import open_microphone
from edge_sdk.runtime.sources.picamera import PiAsked, PiCamera
from edge_sdk.runtime.sources.record import Address
from edge_sdk.runtime.sources.sensor import SensorWindows
from edge_sdk.runtime.sources.v4l2.camera import V4l2Camera
from edge_sdk.runtime.sources.v4l2.modes import Asked
from tests.fakes import I2cBus, MjpegServer, PiCameraModule, Replay, RtspServer, SoundCard, VideoNode
from tests.mosquitto import Mosquitto
from tests.runtime.models import write_clip
from tests.runtime.recordings import record
from tests.sysfs import accelerometer, lay

PICTURES = [np.full((48, 80, 3), 20 * i, np.uint8) for i in range(6)]
WINDOW = WindowSteps(("x",), samples=4, hop=2)


@contextmanager
def video(folder):
    yield open_source(str(write_clip(folder / "clip.mp4", PICTURES)))


@contextmanager
def pictures(folder):
    for number, picture in enumerate(PICTURES):
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    yield open_source(f"folder:{folder}")


@contextmanager
def rows(folder):
    (folder / "log.csv").write_text("x\n" + "1\n" * 16)
    yield open_source(f"rows:{folder / 'log.csv'}?rate_hz=50", window=WINDOW)


@contextmanager
def tensors(folder):
    np.save(folder / "x.npy", np.stack(PICTURES))
    yield open_source(f"tensors:{folder / 'x.npy'}")


@contextmanager
def http(_):
    with MjpegServer(PICTURES) as server:
        yield open_source(f"http://{server.address}/")


@contextmanager
def gstreamer(_):
    if not shutil.which("gst-launch-1.0"):
        pytest.skip("no gst-launch-1.0: apt install gstreamer1.0-tools gstreamer1.0-plugins-base")
    words = "videotestsrc is-live=true num-buffers=40 ! video/x-raw,format=NV12,width=80,height=48,framerate=50/1"
    yield GStreamerStream(words.split(), (80, 48), fps=50, name="csi:0")


@contextmanager
def picamera(_):
    frames = [{"SensorTimestamp": monotonic_ns() + 40_000 * i, "FrameDuration": 40} for i in range(6)]
    module = PiCameraModule([*frames, TimeoutError(), TimeoutError(), TimeoutError()])
    yield PiCamera(module, 0, PiAsked((80, 48), 30, 1, 1), name="csi:0")


@contextmanager
def rtsp(folder):
    with RtspServer(PICTURES, folder) as server:
        yield open_source(f"rtsp://{server.address}/")


@contextmanager
def camera(_):
    node = VideoNode({"BGR3": {(80, 48): 25.0}}, [picture.tobytes() for picture in PICTURES])
    yield V4l2Camera(node, Asked(), name="camera:0")


@contextmanager
def rows_at_their_pace(folder):
    (folder / "log.csv").write_text("x\n" + "1\n" * 16)
    yield open_source(f"rows:{folder / 'log.csv'}?rate_hz=100&pace=real", window=WINDOW)


@contextmanager
def wav(folder):
    with wave.open(str(folder / "x.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(64))
    yield open_source(f"wav:{folder / 'x.wav'}", window=WINDOW)


@contextmanager
def thermal(folder):
    zone = lay(folder / "class/thermal/thermal_zone0", {"type": "cpu", "temp": "48000"})
    sensor = open_thermal(Address("thermal:cpu", "cpu", {"rate_hz": "15"}), ("x",), sysfs=folder)
    threading.Timer(0.8, (zone / "temp").unlink).start()
    yield SensorWindows(sensor, WINDOW)


@contextmanager
def hwmon(folder):
    chip = lay(folder / "class/hwmon/hwmon0", {"name": "lm75", "temp1_input": "48000"})
    address = Address("hwmon:lm75", "lm75", {"rate_hz": "15", "channels": "temp1"})
    sensor = open_hwmon(address, ("x",), sysfs=folder)
    threading.Timer(0.8, (chip / "temp1_input").unlink).start()
    yield SensorWindows(sensor, WINDOW)


@contextmanager
def iio(folder):
    _, end = accelerometer(folder)
    address = Address("iio:accel3d", "accel3d", {"buffer": "1", "channels": "accel_x"})
    lay(folder / "sys/bus/iio/devices/iio:device0/scan_elements", {"in_accel_y_type": "le:u32/32>>0"})
    source = SensorWindows(open_iio(address, ("x",), sysfs=folder / "sys", dev=folder / "dev"), WINDOW)
    now_ns = time.monotonic_ns()
    stamps_ns = [now_ns + i * 10_000_000 for i in range(-250, 0)]
    os.write(end, b"".join(struct.pack("<hxxxxxxq", 16, stamp_ns) for stamp_ns in stamps_ns))
    threading.Timer(0.2, os.close, [end]).start()
    yield source


@contextmanager
def i2c(folder):
    bus = I2cBus({0x48: {}})
    (folder / "chip.toml").write_text('[[values]]\nname = "x"\nregister = 0\n')
    address = Address("i2c:1:0x48", "1:0x48", {"parser": str(folder / "chip.toml"), "rate_hz": "15"})
    sensor = open_i2c(address, ("x",), opener=bus.opened)
    threading.Timer(0.8, bus.chips.clear).start()
    yield SensorWindows(sensor, WINDOW)


@contextmanager
def serial(_):
    pytest.importorskip("serial", reason="pyserial is not installed")
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    source = open_source(f"serial:{os.ttyname(theirs)}?timeout_s=0.3", window=WINDOW)

    def talk():
        for number in range(20):
            os.write(ours, b"%d\n" % number)
            time.sleep(0.01)

    talking = threading.Thread(target=talk)
    talking.start()
    yield source
    talking.join()
    os.close(ours)
    os.close(theirs)


@contextmanager
def mqtt(folder):
    with Mosquitto(folder) as broker:
        source = open_source(f"mqtt://{broker.address}/a?timeout_s=0.5", window=WINDOW)
        for number in range(5):
            broker.publish("a", *[b'{"x": %d}' % number] * 2)
        yield source


@contextmanager
def microphone(_):
    card = SoundCard(["USB Audio"])
    source = SensorWindows(open_microphone(Address("mic:", "", {}), ("x",), sound=card), WINDOW)
    for number in range(3):
        card.play(np.zeros(8), adc_s=number * 0.02 - 1)
    yield source


@contextmanager
def recording(folder):
    yield open_source(record(folder / "recording", PICTURES))


@contextmanager
def recording_at_its_pace(folder):
    yield open_source(f"{record(folder / 'recording', PICTURES)}?pace=real")


@contextmanager
def replay(_):
    yield Replay(PICTURES, live=True)


PICTURE_SCRIPTS = {
    **{"video": video, "folder": pictures, "tensors": tensors, "http": http, "rtsp": rtsp},
    **{"recording": recording, "recording at its pace": recording_at_its_pace},
}
SENSOR_SCRIPTS = {
    **{"rows": rows, "rows at their pace": rows_at_their_pace, "wav": wav, "thermal": thermal, "hwmon": hwmon},
    **{"iio": iio, "i2c": i2c, "serial": serial, "mqtt": mqtt, "mic": microphone},
}
SCRIPTS = {**PICTURE_SCRIPTS, **SENSOR_SCRIPTS}
WITHOUT_HARDWARE = {**SCRIPTS, "camera": camera, "picamera": picamera, "gstreamer": gstreamer, "replay": replay}
MISSING = {
    "camera": ("camera:63", UnavailableError),
    "csi": ("csi:0", UnavailableError),
    "folder": ("folder:none", InputError),
    "http": ("http://127.0.0.1:9/", UnavailableError),
    "hwmon": ("hwmon:none", UnavailableError),
    "i2c": ("i2c:63:0x48", InputError),
    "iio": ("iio:none", UnavailableError),
    "mic": ("mic:none", (InputError, UnavailableError)),  # PortAudio may be missing too
    "mqtt": ("mqtt://127.0.0.1:9/a", UnavailableError),
    "mqtts": ("mqtts://127.0.0.1:9/a", UnavailableError),
    "serial": ("serial:/dev/none", UnavailableError),
    "thermal": ("thermal:none", UnavailableError),
    "wav": ("wav:none.wav", InputError),
    "https": ("https://127.0.0.1:9/", UnavailableError),
    "replay": ("replay:none", InputError),
    "rows": ("rows:none.csv", InputError),
    "rtsp": ("rtsp://127.0.0.1:9/", UnavailableError),
    "rtsps": ("rtsps://127.0.0.1:9/", UnavailableError),
    "tensors": ("tensors:none.npy", InputError),
    "video": ("video:none.mp4", InputError),
}


@pytest.fixture(params=WITHOUT_HARDWARE)
def source(request, tmp_path):
    with WITHOUT_HARDWARE[request.param](tmp_path) as opened, closing(opened):
        yield opened


def read_all(source):
    """Return all samples; a stream from a camera ends with an error."""
    samples = []
    try:
        while (sample := source.read()) is not None:
            samples.append(sample)
    except UnavailableError:
        assert source.live
    return samples


def test_it_says_what_it_is(source):
    assert source.name
    assert source.live in {True, False}
    assert source.fps >= 0


def test_samples_are_numbered_from_nought_without_a_gap(source):
    samples = read_all(source)
    assert len(samples) >= 3
    assert [sample.seq for sample in samples] == list(range(len(samples)))


def test_times_never_go_back_and_are_on_the_clock_that_is_named(source):
    before_ns = time.monotonic_ns()
    samples = read_all(source)
    times = [sample.captured_ns for sample in samples]
    assert times == sorted(times)
    assert len(set(times)) > 1
    assert {sample.clock == "file" for sample in samples} == {not source.live}
    if source.live:
        assert before_ns - 10_000_000_000 < times[0] <= times[-1] < time.monotonic_ns()


def test_samples_are_arrays_of_their_own(source):
    first, second, *_ = read_all(source)
    kept = np.copy(first.data)
    assert not np.shares_memory(first.data, second.data) or not first.data.flags.writeable
    assert np.array_equal(first.data, kept)
    assert first.source.startswith(source.name)


def test_the_end_stays_the_end(source):
    read_all(source)
    assert read_all(source) == []


def test_closing_twice_is_harmless(source):
    source.read()
    source.close()
    source.close()


@pytest.mark.parametrize("scheme", {**SOURCES, **SENSORS})
def test_what_is_not_there_is_told_by_its_name(scheme):
    uri, family = MISSING[scheme]
    with pytest.raises(family) as caught:
        open_source(uri, window=WINDOW)
    assert str(caught.value).startswith((f"{uri}: expected ", f"{uri.partition(':')[2]}: expected "))
