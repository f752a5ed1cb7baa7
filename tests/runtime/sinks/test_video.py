from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.media import VideoFile
from edge_sdk.runtime import Run, open_sink
from edge_sdk.runtime.frame import Outcome, Sample, Timings
from edge_sdk.tasks import Classification
from tests.fakes import Replay
from tests.runtime.models import card

SOURCE = Replay([])
SOURCE.fps = 10.0


def write(sink, captured_ns, *, size_wh=(96, 64), data=None):
    picture = np.full((size_wh[1], size_wh[0], 3), 90, np.uint8) if data is None else data
    value = Classification((0,), (1.0,))
    sink.write(
        Sample(picture, 0, captured_ns, "driver", "x"),
        Outcome(0, captured_ns, "driver", "x", "ab", value, ("cat",), Timings(1.0, 1.0, 1.0), 1.0),
    )


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".webm"])
def test_a_video_has_the_pictures_with_the_results_drawn_in(tmp_path, colors, suffix):
    sink = open_sink(f"video:{tmp_path}/new/out{suffix}", Replay([]))
    Run(colors, Replay([card("red", size_wh=(96, 64))] * 8), sinks=[sink]).execute()
    with VideoFile(tmp_path / f"new/out{suffix}") as video:
        frames = list(video)
    assert len(frames) == 8
    assert frames[0].shape == (64, 96, 3)
    assert frames[0][0, 0].max() < 60
    assert frames[0][60, 90, 2] > 190
    assert [path.name for path in (tmp_path / "new").iterdir()] == [f"out{suffix}"]


def test_the_video_is_not_there_before_it_is_finished(tmp_path):
    sink = open_sink(f"video:{tmp_path}/out.mp4", SOURCE)
    write(sink, 0)
    assert not (tmp_path / "out.mp4").exists()
    sink.close()
    sink.close()
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize(
    ("times_s", "frames"),
    [((0, 0.1, 0.2), 3), ((0, 0.1, 0.5), 6), ((0, 0.01, 0.02), 3), ((0, 3600), 101)],
    ids=["at its rate", "some were dropped", "faster than its rate", "a long silence is cut"],
)
def test_a_video_keeps_time(tmp_path, times_s, frames):
    sink = open_sink(f"video:{tmp_path}/out.mp4", SOURCE)
    for time_s in times_s:
        write(sink, round(time_s * 1e9))
    sink.close()
    with VideoFile(tmp_path / "out.mp4") as video:
        assert (video.fps, video.frames) == (10, frames)


def test_without_a_picture_there_is_no_video(tmp_path):
    open_sink(f"video:{tmp_path}/out.mp4", SOURCE).close()
    assert list(tmp_path.iterdir()) == []


def test_a_picture_of_another_size_is_refused_and_what_was_there_plays(tmp_path):
    sink = open_sink(f"video:{tmp_path}/out.mp4", SOURCE)
    write(sink, 0)
    with pytest.raises(InputError, match=r"out.mp4: expected pictures of 96x64 as the first, got 64x96$") as caught:
        write(sink, 1, size_wh=(64, 96))
    assert caught.value.hint == "a video has one size; write jsonl instead"
    sink.close()
    with VideoFile(tmp_path / "out.mp4") as video:
        assert video.frames == 1


def test_samples_that_are_no_pictures_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"out.mp4: expected pictures, got samples of another kind$"):
        write(open_sink(f"video:{tmp_path}/out.mp4", SOURCE), 0, data=np.zeros((1024, 1)))


def test_a_suffix_that_is_no_video_is_refused():
    with pytest.raises(InputError, match=r"expected a file name ending in \.mp4, \.mkv, \.avi, \.webm, got 'out.txt'$"):
        open_sink("video:out.txt", SOURCE)


def test_a_full_disk_leaves_no_half_video(tmp_path):
    (tmp_path / "out.mp4").write_bytes(b"what was there before")
    program = f"""
import resource, sys
sys.path[:0] = {sys.path!r}
from tests.runtime.sinks.test_video import *
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
sink = open_sink("video:{tmp_path}/out.mp4", SOURCE)
noise = np.random.default_rng(0)
try:
    for i in range(100):
        write(sink, i * 100_000_000, data=noise.integers(0, 256, (64, 96, 3), dtype=np.uint8))
    sink.close()
except UnavailableError as exc:
    print(exc, exc.hint)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "expected 100 pictures that can be read again, got 0 is the disk full?" in run.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"what was there before"


def test_a_disk_that_is_nearly_full_ends_the_video_in_time(tmp_path, monkeypatch):
    sink = open_sink(f"video:{tmp_path}/out.mp4", SOURCE)
    monkeypatch.setattr("os.statvfs", lambda _: type("Disk", (), {"f_bavail": 256, "f_frsize": 4096}))
    with pytest.raises(UnavailableError, match=r": expected 16777216 bytes free, got 1048576$"):
        write(sink, 0)
