"""Files that begin again."""

from __future__ import annotations

import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime import Run, RunOptions
from edge_sdk.runtime.sustain.endless import Endless, open_endless
from tests.fakes import NetworkCamera, Replay
from tests.runtime.models import COLORS, card, write_clip


def test_a_clip_goes_on_where_it_ends(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", [card(name) for name in COLORS])
    (feed,) = open_endless([str(clip)])
    samples = [feed.source.read() for _ in range(8)]
    feed.source.close()
    assert [sample.seq for sample in samples] == list(range(8))
    assert [sample.captured_ns // 1_000_000 for sample in samples] == [40 * number for number in range(8)]
    assert [int(sample.data[0, 0].argmax()) for sample in samples[:3]] == [2, 1, 0]


def test_nothing_is_counted_as_lost_between_the_rounds(colors):
    script = [InputError("x: broken"), card("red"), InputError("x: broken")]
    endless = Endless(Replay(script), lambda: Replay(script))
    accounts = Run(colors, endless, options=RunOptions(max_frames=5)).execute().accounts
    assert accounts.results == 5
    assert set(accounts.dropped) <= {"unreadable", "stopped"}


def test_what_gives_nothing_ends():
    assert Endless(Replay([]), lambda: pytest.fail("opened again")).read() is None


def test_a_file_that_is_gone_when_it_begins_again_is_told(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", [card("red")])
    (feed,) = open_endless([str(clip)])
    assert feed.source.read().seq == 0
    clip.unlink()
    with pytest.raises(UnavailableError, match=r"clip.mp4: expected to begin again, got .*expected a video file"):
        feed.source.read()


def test_a_camera_is_left_as_it_is():
    with NetworkCamera("good") as camera:
        (feed,) = open_endless([camera.uri])
        feed.source.close()
    assert feed.source.live
    assert feed.reopen is not None
