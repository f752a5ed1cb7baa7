"""Copies are found whatever they are called and however they were encoded again; what differs is no copy."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_sdk import media
from edge_sdk.preprocess import ImageSteps, prepare_image
from edge_sdk.quantize.looks import find_copies, find_shared, look_at
from edge_sdk.samples import Item

PARTS = Path(__file__).parents[2] / "examples" / "parts"
STEPS = ImageSteps(size_wh=(320, 192))
PICTURES = media.list_images(PARTS / "calibration")


def look(image, name, steps=STEPS):
    return look_at(Item(name, {"x": prepare_image(steps, image)[0]}), steps)


@pytest.fixture(scope="module")
def picture():
    return media.read_image(PICTURES[0])


def test_pictures_that_differ_are_no_copies_of_each_other():
    assert find_copies([look(media.read_image(path), path.name) for path in PICTURES]) == []


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("quality", [60, 95])
def test_a_picture_encoded_again_is_a_copy(picture, layout, quality):
    steps = ImageSteps(size_wh=(320, 192), layout=layout)
    again = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    assert (again != picture).any()
    looks = [look(image, name, steps) for image, name in ((picture, "first"), (again, "again"))]
    assert [(copy.name, first.name) for copy, first in find_copies(looks)] == [("again", "first")]


def test_a_picture_of_another_size_is_a_copy(picture):
    smaller = cv2.resize(picture, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    assert len(find_copies([look(picture, "a"), look(smaller, "b")])) == 1


def test_a_picture_in_which_something_moved_is_no_copy(picture):
    moved = picture.copy()
    moved[20:50, 20:50] = 255 - moved[20:50, 20:50].mean().astype(np.uint8)
    assert find_copies([look(picture, "a"), look(moved, "b")]) == []


def test_colours_alone_make_a_difference():
    red, blue = (np.full((40, 60, 3), 60, np.uint8) for _ in range(2))
    red[10:30, 10:30, 2] = blue[10:30, 10:30, 0] = 200
    assert find_copies([look(red, "red"), look(blue, "blue")]) == []


def test_arrays_are_copies_only_if_they_are_equal():
    values = np.random.default_rng(0).standard_normal((1, 64)).astype(np.float32)
    looks = [
        look_at(Item(name, {"x": array}), None) for name, array in (("a", values), ("b", values + 1e-6), ("c", values))
    ]
    assert [(copy.name, first.name) for copy, first in find_copies(looks)] == [("c", "a")]


def test_a_copy_among_what_is_measured_is_found_and_the_same_file_is_not_called_a_copy(picture):
    calibration, other = look(picture, "a.png"), look(media.read_image(PICTURES[1]), "b.png")
    found = find_shared([calibration, other], [look(picture, "renamed.png"), other])
    assert [(one.name, calibrated.name) for one, calibrated in found] == [("renamed.png", "a.png")]


def test_one_colour_all_over_is_flat_and_a_gradient_is_not():
    blank = np.full((40, 60, 3), (0, 0, 200), np.uint8)
    gradient = np.repeat(np.linspace(0, 255, 60).astype(np.uint8)[None, :, None], 40, axis=0).repeat(3, axis=2)
    assert [look(image, "x").is_flat for image in (blank, gradient)] == [True, False]
    assert [look_at(Item("x", {"x": array}), None).is_flat for array in (np.zeros((1, 9)), np.arange(9.0)[None])] == [
        True,
        False,
    ]
