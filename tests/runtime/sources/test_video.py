from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError
from edge_sdk.media import VideoFile
from edge_sdk.runtime import open_source
from tests.runtime.models import write_clip

ASSETS = Path(os.environ.get("EDGE_SDK_ASSETS", Path(__file__).parents[4] / "shared/assets"))


def test_frames_are_stamped_with_their_place_in_the_file(tmp_path):
    source = open_source(str(write_clip(tmp_path / "clip.mp4", [np.zeros((48, 80, 3), np.uint8)] * 5, fps=12.5)))
    samples = list(iter(source.read, None))
    assert source.fps == 12.5
    assert [sample.captured_ns for sample in samples] == [i * 80_000_000 for i in range(5)]
    assert {sample.data.shape for sample in samples} == {(48, 80, 3)}


@pytest.mark.skipif(not ASSETS.is_dir(), reason="the assets are not there")
def test_a_camera_s_recording_is_read_to_its_end():
    path = ASSETS / "video/car-detection.mp4"
    samples = list(iter(open_source(str(path)).read, None))
    with VideoFile(path) as video:
        assert len(samples) == video.frames == 377
    assert samples[-1].captured_ns == pytest.approx(376 / 12.5 * 1e9)


def test_a_file_that_is_no_video_is_told(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match=r"clip.mp4: expected a video, got a file that cannot be decoded$"):
        open_source(str(tmp_path / "clip.mp4"))


def test_options_that_a_video_does_not_have_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"clip.mp4\?fps=5: fps: unknown key; known keys are pace, repeat$"):
        open_source(f"video:{tmp_path}/clip.mp4?fps=5")


def test_a_clip_at_its_own_pace_is_a_live_source_that_may_begin_again(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", [np.zeros((48, 80, 3), np.uint8)] * 5, fps=50.0)
    source = open_source(f"{path}?pace=real&repeat=1")
    samples = [source.read() for _ in range(12)]
    assert source.live
    assert [sample.seq for sample in samples] == list(range(12))
    assert {later.captured_ns - sooner.captured_ns for sooner, later in pairwise(samples)} == {20_000_000}
    assert monotonic_ns() >= samples[-1].captured_ns
    assert len(list(iter(open_source(f"{path}?pace=real").read, None))) == 5


def test_what_has_no_pace_is_not_repeated(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", [np.zeros((48, 80, 3), np.uint8)])
    with pytest.raises(InputError, match="repeat: expected 0, or 1 with pace=real, got 1 with pace=fast"):
        open_source(f"{path}?repeat=1")
