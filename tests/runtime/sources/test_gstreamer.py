from __future__ import annotations

import shutil
import time
from contextlib import closing

import numpy as np
import pytest

from edge_sdk.errors import UnavailableError
from edge_sdk.runtime.sources.gstreamer import GStreamerStream

pytestmark = pytest.mark.skipif(
    not shutil.which("gst-launch-1.0"),
    reason="no gst-launch-1.0: apt install gstreamer1.0-tools gstreamer1.0-plugins-base",
)
NV12 = "video/x-raw,format=NV12,width=64,height=48,framerate=50/1"


def opened(words, **options):
    return GStreamerStream(words.split(), (64, 48), fps=50, name="csi:0", **options)


def test_pictures_come_through_the_pipe_with_their_colors():
    with closing(opened(f"videotestsrc is-live=true pattern=red ! {NV12}")) as source:
        samples = [source.read() for _ in range(5)]
    assert [sample.seq for sample in samples] == [0, 1, 2, 3, 4]
    assert samples[0].data.shape == (48, 64, 3)
    assert np.abs(samples[0].data.reshape(-1, 3).astype(int) - (0, 0, 255)).max() <= 4
    assert {sample.clock for sample in samples} == {"arrival"}


def test_what_was_taken_before_the_first_read_is_left_out():
    with closing(opened(f"videotestsrc is-live=true pattern=ball animation-mode=frames ! {NV12}")) as source:
        time.sleep(1)
        first_s = time.monotonic()
        first, second = source.read(), source.read()
        took_s = time.monotonic() - first_s
    still = np.abs(first.data.astype(int) - second.data).mean()
    assert took_s < 1
    assert 0 < still < 20  # the ball moved by one frame, not by a second


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("nosuchelement", 'no element "nosuchelement"'),
        (f"videotestsrc num-buffers=0 ! {NV12}", ""),
        (f"filesrc location=/none ! rawvideoparse ! {NV12}", "ERROR: from element"),
    ],
)
def test_a_pipeline_that_ends_is_told_with_what_it_printed(words, hint):
    with pytest.raises(UnavailableError) as caught:
        opened(words)
    assert str(caught.value) == "csi:0: expected a picture, got the end of the pipeline"
    assert hint in caught.value.hint


def test_a_pipeline_that_gives_nothing_is_given_up_in_time_and_ended():
    start_s = time.monotonic()
    with pytest.raises(UnavailableError, match=r"^csi:0: expected a picture, got none for 0\.5 s$"):
        opened(f"videotestsrc is-live=true ! valve drop=true ! {NV12}", timeout_s=0.5)
    assert time.monotonic() - start_s < 4


def test_closing_ends_the_process_and_twice_is_harmless():
    source = opened(f"videotestsrc is-live=true ! {NV12}")
    process = source._process
    source.close()
    source.close()
    assert process.returncode is not None
