"""Other readings of the same pixels: which there are, and that a tensor becomes what those pixels would have become."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_sdk.preprocess import ImageSteps, prepare_image
from edge_sdk.quantize.readings import other_readings, reread

DECLARED = ImageSteps(size_wh=(32, 24))
CAFFE = ImageSteps(
    size_wh=(32, 24), color="bgr", divisor=1.0, mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395)
)


@pytest.mark.parametrize("declared", [DECLARED, CAFFE, replace(CAFFE, layout="nhwc"), replace(DECLARED, color="gray")])
def test_a_tensor_becomes_what_its_pixels_become_under_the_other_steps(declared):
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    readings = other_readings(declared)
    assert len(readings) >= 2
    for reading in readings:
        expected = prepare_image(reading.steps, image)[0]
        got = reread(prepare_image(declared, image)[0], declared, reading.steps)
        assert np.allclose(got, expected, rtol=1e-4, atol=1e-3 * np.abs(expected).max()), reading.flags


def test_what_is_declared_is_not_among_the_others():
    flags = [reading.flags for reading in other_readings(DECLARED)]
    assert "--normalize unit --color rgb" not in flags
    assert flags[:3] == [
        "--normalize raw --color rgb",
        "--normalize symmetric --color rgb",
        "--normalize imagenet --color rgb",
    ]
    assert {"--color bgr", "--normalize raw --color bgr"} <= set(flags)


def test_the_same_scale_in_other_numbers_is_not_another_reading():
    assert "--normalize imagenet --color bgr" not in [reading.flags for reading in other_readings(CAFFE)]
    almost = replace(DECLARED, divisor=1.0, mean=(127.0,), std=(128.0,))
    assert "--normalize symmetric --color rgb" not in [reading.flags for reading in other_readings(almost)]


def test_a_grey_picture_has_no_colours_to_change():
    flags = [reading.flags for reading in other_readings(replace(DECLARED, color="gray"))]
    assert flags == ["--normalize raw --color gray", "--normalize symmetric --color gray"]


@pytest.mark.parametrize("taken", [{"dtype": "uint8", "divisor": 1.0}, {"color": "bgra"}])
def test_what_a_model_normalizes_itself_and_other_channels_have_no_other_reading(taken):
    assert other_readings(replace(DECLARED, **taken)) == ()
