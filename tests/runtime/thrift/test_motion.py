from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.thrift.motion import MotionGate, MotionOptions, greatest_tile, see_cells

SIZE_WH = (640, 360)


def scene(*, thing_xy=None, side=12, level=90, noise=4.0, seed=0):
    """Return a still scene as a noisy camera sees it, with a bright square in it or none."""
    width, height = SIZE_WH
    picture = np.full((height, width, 3), level, np.float32)
    picture[:, ::40] = 160
    if thing_xy is not None:
        x, y = thing_xy
        picture[y : y + side, x : x + side] = 230
    picture += np.random.default_rng(seed).normal(0, noise, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


class Camera:
    """A gate, and the camera of ten pictures a second before it."""

    def __init__(self, **options):
        self.gate, self.number = MotionGate(MotionOptions(**options)), 0

    def show(self, seconds, **scene_options):
        """Return which pictures pass, one a tenth of a second."""
        return [self.passes(scene(seed=self.number, **scene_options)) for _ in range(round(seconds * 10))]

    def passes(self, data):
        self.number += 1
        return self.gate(Sample(data, self.number, self.number * 100_000_000, "driver", "camera:0")) is None


def test_a_still_scene_is_gated_after_the_first_two_seconds():
    camera = Camera(keep_alive_s=1e6)
    passed = camera.show(60)
    assert passed == [True] * 21 + [False] * 579


def test_a_small_thing_opens_the_gate_at_once_and_for_a_while():
    camera = Camera(keep_alive_s=1e6)
    assert not camera.show(5)[-1]
    assert camera.show(0.1, thing_xy=(300, 200)) == [True]
    assert camera.show(4) == [True] * 20 + [False] * 20


def test_a_thing_that_moves_on_is_never_missed():
    camera = Camera(keep_alive_s=1e6)
    camera.show(5)
    assert all(camera.show(0.1, thing_xy=(x, 150))[0] for x in range(10, 600, 9))


def test_one_picture_passes_now_and_then():
    camera = Camera(keep_alive_s=5)
    camera.show(10)
    assert sum(camera.show(50)) == 10


def test_a_thing_that_rests_is_background_in_a_while():
    camera = Camera(keep_alive_s=1e6)
    camera.show(5)
    passed = camera.show(60, thing_xy=(300, 200))
    assert passed[0]
    assert not any(passed[450:])


def test_dusk_is_no_motion():
    camera = Camera(keep_alive_s=1e6)
    camera.show(5)
    assert not any(camera.show(0.1, level=90 - step * 0.02)[0] for step in range(2000))


def test_a_light_that_goes_on_is_motion():
    camera = Camera(keep_alive_s=1e6)
    camera.show(5)
    assert camera.show(0.1, level=110) == [True]


def test_a_picture_of_another_size_and_a_clock_that_goes_back_begin_anew():
    camera = Camera(keep_alive_s=1e6)
    camera.show(5)
    assert camera.passes(np.zeros((200, 300, 3), np.uint8))
    camera.show(5)
    camera.number = 0
    assert camera.show(0.1) == [True]


@pytest.mark.parametrize("data", [np.zeros((64, 3)), {"x": np.zeros(3)}])
def test_what_is_no_picture_passes(data):
    camera = Camera()
    assert [camera.passes(data) for _ in range(50)] == [True] * 50


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (7, 640), (36, 64), (145, 259), (2160, 3840)])
def test_pictures_of_all_sizes_are_seen(shape):
    rng = np.random.default_rng(0)
    dark, bright = (rng.integers(low, low + 20, (*shape, 3), np.uint8) for low in (0, 200))
    camera = Camera(glow_s=0.01, keep_alive_s=1e6)
    assert camera.passes(dark)
    assert camera.passes(dark) == (min(shape) < 8)  # which are too small to have a tile
    assert camera.passes(bright)


def test_a_cell_is_the_mean_of_its_place():
    picture = np.zeros((144, 344, 3), np.uint8)  # of 1032 levels in a line, each fifth from the 18th on is a sample
    picture[8:12] = 100
    picture[8:12, 6:12] = 180
    cells = see_cells(picture)
    assert cells.shape == (36, 50)
    assert cells[2, :3].tolist() == [180, 100, 100]
    assert cells[[1, 3]].sum() == 0
    assert greatest_tile(cells) == (180 + 100) / 4


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_change_of_each_colour_is_seen(channel):
    picture = np.zeros((360, 640, 3), np.uint8)
    before = see_cells(picture)
    picture[..., channel] = 90
    assert greatest_tile(see_cells(picture) - before) > 20


@pytest.mark.parametrize("shape", [(1080, 1920), (270, 480), (511, 767), (240, 320), (144, 256)])
def test_a_thing_is_seen_in_the_whole_picture_but_a_margin(shape):
    height, width = shape
    side = height // 24
    for y in np.linspace(0.03, 0.97, 20) * height:
        for x in np.linspace(0.03, 0.97, 20) * width:
            picture = np.zeros((*shape, 3), np.uint8)
            top, left = max(0, round(y - side / 2)), max(0, round(x - side / 2))
            picture[top : top + side, left : left + side] = 200
            assert greatest_tile(see_cells(picture)) > 6, (x, y)


@pytest.mark.parametrize("wrong", [{"threshold": 0}, {"threshold": 256}, {"glow_s": 0}, {"settle_s": -1}])
def test_options_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InputError, match="expected more than 0"):
        MotionOptions(**wrong)
