"""H.264 from a real RTSP server, which hangs, dies, and sends faster than it is read."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge_sdk.errors import UnavailableError
from edge_sdk.runtime import open_source

SCRIPT = Path(__file__).with_name("rtsp_server.py")
NEEDED = "no RTSP server: apt install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base -good -ugly"
ELEMENTS = ("videotestsrc", "x264enc", "rtph264pay")


def is_there():
    """Say whether the system has what the server needs."""
    probe = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    try:
        subprocess.run(["/usr/bin/python3", "-c", probe], capture_output=True, check=True)
        for element in ELEMENTS:
            subprocess.run(["gst-inspect-1.0", "--exists", element], check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


@pytest.fixture
def server():
    """The server's process, and the address of its stream."""
    if not is_there():
        pytest.skip(NEEDED)
    process = subprocess.Popen(
        ["/usr/bin/python3", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    yield process, f"rtsp://127.0.0.1:{int(process.stdout.readline())}/live#timeout_s=1"
    process.kill()
    process.wait()
    process.stdout.close()


def read_on(source):
    """Read until the source gives up; return its error and how long that took."""
    start_s = time.monotonic()
    with pytest.raises(UnavailableError) as caught:
        while True:
            source.read()
    return str(caught.value).partition(": ")[2], time.monotonic() - start_s


def test_frames_come_at_the_stream_s_pace_whatever_the_jitter_of_their_arrivals(server):
    with closing(open_source(server[1])) as source:
        samples = [source.read() for _ in range(50)]
    steps_ms = np.diff([sample.captured_ns for sample in samples[20:]]) / 1e6
    assert source.fps == 25
    assert samples[0].data.shape == (240, 320, 3)
    assert abs(np.median(steps_ms) - 40) < 1


def test_a_frame_that_waited_in_a_buffer_is_as_old_as_it_waited(server):
    with closing(open_source(server[1])) as source:
        for _ in range(50):
            source.read()
        time.sleep(1.5)
        ages_ms = [(time.monotonic_ns() - source.read().captured_ns) / 1e6 for _ in range(20)]
    assert ages_ms[0] > 1200
    assert ages_ms[0] - ages_ms[-1] > 300  # it catches up


def test_a_server_that_hangs_is_given_up_in_time(server):
    process, address = server
    with closing(open_source(address)) as source:
        source.read()
        process.send_signal(signal.SIGSTOP)
        told, took_s = read_on(source)
    assert told == "expected a frame, got none for 1 s"
    assert took_s < 4


def test_a_server_that_dies_is_told_at_once(server):
    process, address = server
    with closing(open_source(address)) as source:
        source.read()
        process.kill()
        told, took_s = read_on(source)
    assert told == "expected a frame, got the end of the stream"
    assert took_s < 2


def test_a_stream_is_opened_again_and_leaves_nothing_behind(server):
    files = []
    for _ in range(4):
        with closing(open_source(server[1])) as source:
            assert source.read().seq == 0
        files.append(len(list(Path("/proc/self/fd").iterdir())))
    assert files[-1] <= files[0]  # those of earlier tests may go meanwhile
