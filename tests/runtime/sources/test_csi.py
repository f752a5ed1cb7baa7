from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime import open_source
from edge_sdk.runtime.sources.argus import argus_pipeline
from edge_sdk.runtime.sources.csi import CsiOptions, open_csi
from edge_sdk.runtime.sources.picamera import PiAsked, PiCamera
from edge_sdk.runtime.sources.record import Address
from tests.fakes import PiCameraModule

MS = 1_000_000
START = 1000 * MS


def opened(module, *, reduce=1):
    return PiCamera(module, 0, PiAsked((160, 96), 25, reduce, 2), name="csi:0")


def frame(at_ms, **more):
    return {"SensorTimestamp": START + round(at_ms * MS), "FrameDuration": 40_000, "ExposureTime": 10_000, **more}


@pytest.mark.parametrize(("reduce", "stream"), [(1, "main"), (2, "lores")])
def test_pictures_of_a_raspberry_pi_have_blue_first_and_no_padding(reduce, stream):
    module = PiCameraModule([frame(0)])
    with closing(opened(module, reduce=reduce)) as camera:
        picture = camera.read().data
    assert picture.shape == (96 // reduce, 160 // reduce, 3)
    assert np.abs(picture.reshape(-1, 3).astype(int) - (255, 0, 0)).max() <= 4
    assert module.configured["controls"] == {"FrameDurationLimits": (40_000, 40_000)}
    assert (module.configured["lores"] is None) == (stream == "main")
    assert module.released == module.closed == 1


def test_frames_are_stamped_at_the_start_of_their_exposure():
    bare = {"SensorTimestamp": START}
    with closing(opened(PiCameraModule([frame(0), bare]))) as camera:
        exposed, read_out = camera.read(), camera.read()
    assert (exposed.captured_ns, exposed.clock) == (START - 10 * MS, "exposure")
    assert (read_out.captured_ns, read_out.clock) == (START, "readout")


def test_a_camera_without_times_is_stamped_on_arrival():
    with closing(opened(PiCameraModule([{}, {}]))) as camera:
        samples = [camera.read(), camera.read()]
    assert [(sample.seq, sample.clock) for sample in samples] == [(0, "arrival"), (1, "arrival")]


def test_lost_frames_leave_a_gap():
    with closing(opened(PiCameraModule([frame(at) for at in (0, 40, 80.4, 200, 239)]))) as camera:
        assert [camera.read().seq for _ in range(5)] == [0, 1, 2, 5, 6]


def test_frames_of_before_the_first_read_are_flushed():
    module = PiCameraModule([frame(0), frame(40)])
    with closing(opened(module)) as camera:
        camera.read(), camera.read()
    assert module.flushed == [True, None]


def test_a_camera_that_falls_silent_is_told():
    with closing(opened(PiCameraModule([TimeoutError()]))) as camera, pytest.raises(UnavailableError) as caught:
        camera.read()
    assert str(caught.value) == "csi:0: expected a frame, got none for 2 s"


def test_another_size_is_refused_and_the_camera_given_back():
    module = PiCameraModule([], gives_wh=(128, 96))
    with pytest.raises(InputError, match=r"^csi:0: expected 160x96, got 128x96$"):
        opened(module)
    assert module.closed == 1


@pytest.mark.parametrize(
    ("models", "hint"),
    [((), "rpicam-hello --list-cameras shows what the system sees"), (("imx708",), "cameras here: csi:0 (imx708)")],
)
def test_a_camera_that_is_not_there_is_told(models, hint):
    with pytest.raises(UnavailableError) as caught:
        PiCamera(PiCameraModule([], models=models), 1, PiAsked((160, 96), 25, 1, 2), name="csi:1")
    assert str(caught.value) == f"csi:1: expected a camera, got {len(models)} of them"
    assert caught.value.hint == hint


def test_a_system_without_picamera2_is_told_with_the_cure():
    with pytest.raises(UnavailableError) as caught:
        open_source("csi:0?backend=picamera2")
    assert str(caught.value).startswith("csi:0: expected the system's package picamera2, got none (")
    assert caught.value.hint == "sudo apt install python3-picamera2; the environment needs --system-site-packages"


def test_the_pipeline_of_a_jetson_scales_behind_the_sensor_and_leaves_its_memory():
    assert " ".join(argus_pipeline(1, (1920, 1080), fps=29.97, size_wh=(960, 540))) == (
        "nvarguscamerasrc sensor-id=1 ! "
        "video/x-raw(memory:NVMM),width=1920,height=1080,format=NV12,framerate=2997/100 ! "
        "nvvidconv ! video/x-raw,width=960,height=540,format=NV12"
    )


def test_a_jetson_is_known_by_what_the_kernel_says_of_the_board(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    compatible = tmp_path / "compatible"
    compatible.write_bytes(b"nvidia,p3768-0000+p3767-0005\0nvidia,tegra234\0")
    with pytest.raises(UnavailableError) as caught:
        open_csi(Address("csi:0", "0"), compatible=compatible)
    assert str(caught.value) == "csi:0: expected gst-launch-1.0, got none"
    assert caught.value.hint == "sudo apt install gstreamer1.0-tools gstreamer1.0-plugins-base"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("fps=0", "fps: expected more than 0, got 0.0"),
        ("width=641", "width, height: expected multiples of 4 and 2, got 641x720"),
        ("width=648&reduce=4", "width, height: expected multiples of 16 and 8, got 648x720"),
        ("backend=v4l2", "backend: expected one of 'auto', 'picamera2', 'argus', got 'v4l2'"),
    ],
)
def test_a_wrong_option_is_told(options, message):
    with pytest.raises(InputError) as caught:
        open_source(f"csi:0?{options}")
    assert str(caught.value) == f"csi:0?{options}: {message}"


def test_a_place_that_is_no_number_is_told():
    with pytest.raises(InputError, match=r"^csi:front: expected a number such as csi:0, got 'front'$"):
        open_source("csi:front")


def test_pictures_are_as_small_as_they_were_asked_for():
    assert CsiOptions(width=1920, height=1080, reduce=2).delivered_wh == (960, 540)
