from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.runtime.follow.tracks import Tracked
from edge_sdk.runtime.sinks.keep.blur import blurred
from tests.runtime.sinks.keep.outcomes import boxes, classes, seen

PERSON, CAR, DIM = ((20, 20, 60, 100), 0.9, 0), ((100, 20, 140, 60), 0.8, 1), ((150, 80, 182, 112), 0.06, 0)
FOUND, CANDIDATES = boxes(PERSON, CAR), boxes(PERSON, CAR, DIM)


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)


def changed(picture, what, *, how="blur", value=FOUND):
    """Return which of the person, the car, the dim person and the ground between are not what they were."""
    _, outcome = seen(value, data=picture, candidates=CANDIDATES)
    copy, done = blurred(picture, outcome, what=what, how=how)
    places = [(slice(20, 100), slice(20, 60)), (slice(20, 60), slice(100, 140)), (slice(80, 112), slice(150, 182))]
    places += [(slice(0, 10), slice(0, 200))]
    return [bool((copy[place] != picture[place]).any()) for place in places], done.areas


@pytest.mark.parametrize(
    ("what", "expected", "areas"),
    [
        ("person", [True, False, True, False], 2),
        ("car", [False, True, False, False], 1),
        ("person,car", [True, True, True, False], 3),
        ("all-boxes", [True, True, True, False], 3),
        ("whole", [True, True, True, True], 1),
    ],
)
def test_what_is_named_is_unreadable_below_the_threshold_too_and_the_rest_is_as_it_was(picture, what, expected, areas):
    before = picture.copy()
    assert changed(picture, what) == (expected, areas)
    assert (picture == before).all()


def test_a_class_that_a_newer_model_does_not_have_is_refused_instead_of_left_readable(picture):
    _, outcome = seen(FOUND, data=picture)
    with pytest.raises(InputError, match=r"^blur: expected classes of the model in use, got cat$"):
        blurred(picture, outcome, what="person,cat", how="blur")


def test_tracks_change_nothing_in_it(picture):
    assert changed(picture, "person", value=Tracked(FOUND, np.array([1, 2]))) == ([True, False, True, False], 2)


@pytest.mark.parametrize(("how", "most"), [("pixelate", 64), ("solid", 1)])
def test_of_an_area_only_so_many_colours_are_left(picture, how, most):
    _, outcome = seen(FOUND, data=picture, candidates=boxes(PERSON))
    copy, _ = blurred(picture, outcome, what="person", how=how)
    area = copy[12:108, 16:64].reshape(-1, 3)
    assert len(np.unique(area, axis=0)) <= most


def test_a_soft_blur_leaves_no_more_than_the_squares(picture):
    _, outcome = seen(FOUND, data=picture, candidates=boxes(PERSON))
    soft, hard = (blurred(picture, outcome, what="person", how=how)[0] for how in ("blur", "pixelate"))
    inside = (slice(12, 108), slice(16, 64))
    assert np.ptp(soft[inside]) <= np.ptp(hard[inside]) < np.ptp(picture[inside])
    assert np.abs(np.diff(soft[inside].astype(int), axis=0)).mean() < 8


def test_a_small_face_keeps_next_to_nothing(picture):
    _, outcome = seen(boxes(((50, 50, 60, 60), 0.9, 0)), data=picture)
    copy, _ = blurred(picture, outcome, what="person", how="pixelate")
    assert len(np.unique(copy[48:62, 48:62].reshape(-1, 3), axis=0)) == 1


def test_boxes_at_the_edge_and_outside_are_no_mistake(picture):
    at_edge, outside = ((-30, -30, 10, 10), 0.9, 0), ((500, 500, 600, 600), 0.9, 0)
    _, outcome = seen(boxes(at_edge, outside), data=picture)
    copy, done = blurred(picture, outcome, what="person", how="solid")
    assert done.areas == 1
    assert len(np.unique(copy[:14, :14].reshape(-1, 3), axis=0)) == 1


def test_a_result_without_boxes_has_nothing_to_blur(picture):
    _, outcome = seen(classes(0.9), data=picture)
    assert blurred(picture, outcome, what="all-boxes", how="blur")[1].areas == 0
