from __future__ import annotations

import io

import cv2
import numpy as np
import pytest

from edge_sdk.runtime.sinks.keep.picture import ALIKE_BITS, differing_bits, encode, likeness_of
from tests.runtime.sinks.keep.outcomes import noise


def bits(one, other):
    return differing_bits(likeness_of(one), likeness_of(other))


def decode(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


@pytest.fixture(scope="module")
def scene():
    """A street: sky, a wall, and a road."""
    picture = np.zeros((360, 640, 3), np.uint8)
    picture[:120], picture[120:250], picture[250:] = (200, 160, 120), (70, 90, 110), (60, 60, 60)
    picture[130:200, 300:420] = (40, 50, 160)
    return picture


def test_sensor_noise_jpeg_and_another_size_are_alike(scene):
    shaken = np.clip(scene + np.random.default_rng(0).normal(0, 6, scene.shape), 0, 255).astype(np.uint8)
    others = [shaken, decode(encode(scene, "jpg", quality=60)), cv2.resize(scene, (320, 180))]
    assert [bits(scene, other) <= ALIKE_BITS for other in others] == [True] * 3


def test_a_thing_more_and_another_light_are_not_alike(scene):
    person = scene.copy()
    person[180:330, 100:150] = (20, 20, 200)
    dusk = (scene * 0.7).astype(np.uint8)
    assert bits(scene, person) > ALIKE_BITS
    assert bits(scene, dusk) > ALIKE_BITS
    assert bits(noise(1), noise(2)) > 80


def test_plain_pictures_of_other_colours_are_not_alike():
    red, blue = np.full((40, 60, 3), (0, 0, 250), np.uint8), np.full((40, 60, 3), (250, 0, 0), np.uint8)
    assert bits(red, red) == 0
    assert bits(red, blue) > ALIKE_BITS


def test_a_window_is_alike_only_to_itself():
    window = np.random.default_rng(0).normal(size=(64, 3))
    assert bits(window, window.copy()) == 0
    assert bits(window, window + 1e-9) > ALIKE_BITS


def test_what_is_encoded_is_what_was_seen(scene):
    window = np.arange(12.0).reshape(6, 2)
    assert (decode(encode(scene, "png", quality=1)) == scene).all()
    assert np.abs(decode(encode(scene, "jpg", quality=95)).astype(int) - scene).mean() < 2
    assert (np.load(io.BytesIO(encode(window, "jpg", quality=95))) == window).all()
