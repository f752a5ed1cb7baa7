from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.runtime.follow.motion import Motion
from edge_sdk.runtime.follow.tracker import Tracker, TrackerOptions
from edge_sdk.tasks import Detections

BOX = np.array([0, 0, 40, 80], np.float64)


def seen(*boxes: tuple[float, float], score: float = 0.9, index: int = 0) -> Detections:
    """Return boxes of 40x80 pixels whose upper left corners are told."""
    xyxy = np.array([[x, y, x + 40, y + 80] for x, y in boxes], np.float32).reshape(-1, 4)
    return Detections(xyxy, np.full(len(boxes), score, np.float32), np.full(len(boxes), index))


def follow(tracker: Tracker, path, *, fps: float = 10, start_s: float = 0.0) -> list[list[int]]:
    return [tracker.follow(found, start_s + i / fps).tolist() for i, found in enumerate(path)]


@pytest.mark.parametrize("fps", [5, 12.5, 30])
def test_a_thing_keeps_its_id_at_any_rate(fps):
    path = [seen((120 * i / fps, 0), (500 - 120 * i / fps, 200)) for i in range(round(2 * fps))]
    ids = follow(Tracker(), path, fps=fps)
    assert {tuple(row) for row in ids if 0 not in row} == {(1, 2)}
    first = next(i for i, row in enumerate(ids) if 0 not in row)
    assert first / fps == pytest.approx(0.2, abs=1 / fps)


def test_a_flicker_gets_no_id_and_uses_none_up():
    path = [seen((0, 0), (300, 0)) if i == 3 else seen((0, 0)) for i in range(8)]
    path += [seen((0, 0), (600, 0))] * 6
    ids = follow(Tracker(), path)
    assert all(row[1:] in ([], [0]) for row in ids[:8])
    assert ids[-1] == [1, 2]


@pytest.mark.parametrize(("gap_s", "is_same"), [(0.3, True), (0.9, True), (1.5, False)])
def test_a_thing_out_of_sight_is_the_same_for_as_long_as_its_life(gap_s, is_same):
    tracker = Tracker()
    before = follow(tracker, [seen((6 * i, 0)) for i in range(10)])
    start_s = 0.9 + gap_s
    after = follow(tracker, [seen((54 + 60 * (gap_s + i / 10), 0)) for i in range(5)], start_s=start_s)
    assert before[-1] == [1]
    assert after[-1] == ([1] if is_same else [2])


def test_pictures_that_are_dropped_make_steps_longer_and_not_the_thing_another():
    drawn = sorted(np.random.default_rng(3).choice(120, 50, replace=False).tolist())
    tracker = Tracker()
    ids = [tracker.follow(seen((200 * i / 30, 0)), i / 30).tolist() for i in drawn]
    assert {row[0] for row in ids} == {0, 1}


def test_things_that_pass_each_other_keep_their_ids():
    path = [seen((20 * i, 0), (400 - 20 * i, 50)) for i in range(21)]
    assert follow(Tracker(), path)[-1] == [1, 2]


def test_a_weak_box_keeps_a_track_and_starts_none():
    tracker = Tracker()
    follow(tracker, [seen((0, 0)) for _ in range(5)])
    weak = seen((2, 0), (300, 0), score=0.35)
    assert follow(tracker, [weak] * 20, start_s=0.5)[-1] == [1, 0]


def test_a_box_of_another_class_is_another_thing():
    tracker = Tracker()
    follow(tracker, [seen((0, 0)) for _ in range(5)])
    assert follow(tracker, [seen((0, 0), index=1)] * 5, start_s=0.5)[-1] == [2]


def test_a_clip_that_starts_again_starts_new_tracks():
    tracker = Tracker()
    follow(tracker, [seen((0, 0))] * 5)
    assert follow(tracker, [seen((0, 0))] * 5)[-1] == [2]


def test_nothing_found_is_no_error():
    assert Tracker().follow(seen(), 0.0).tolist() == []


def test_velocity_is_learned_in_pixels_a_second():
    motion = Motion(BOX)
    for i in range(1, 40):
        motion.predict(0.05)
        motion.correct(BOX + 3.0 * i * np.array([1, 0, 1, 0]))
    assert motion.velocity[:2] == pytest.approx([60, 0], abs=2)
    motion.predict(1.0)
    assert motion.xyxy[0] == pytest.approx(117 + 60, abs=3)


def test_two_short_predictions_are_one_long_one():
    one, two = Motion(BOX), Motion(BOX)
    for motion in (one, two):
        motion.predict(0.1)
        motion.correct(BOX + 5)
    one.predict(0.4)
    for _ in range(4):
        two.predict(0.1)
    one.correct(BOX + 30)
    two.correct(BOX + 30)
    np.testing.assert_allclose(one.centre_wh, two.centre_wh, atol=0.3)


def textbook(boxes, seconds: float) -> np.ndarray:
    """Return place and velocity of the first coordinate by a Kalman filter in matrices."""
    size = 80.0
    state, spread = np.array([20.0, 0.0]), np.diag([(0.05 * size) ** 2, size**2])
    move = np.array([[1, seconds], [0, 1]])
    noise = (2.0 * size) ** 2 * np.array([[seconds**3 / 3, seconds**2 / 2], [seconds**2 / 2, seconds]])
    look, error = np.array([[1.0, 0.0]]), (0.05 * size) ** 2
    for box in boxes:
        state, spread = move @ state, move @ spread @ move.T + noise
        gain = spread @ look.T / (look @ spread @ look.T + error)
        state = state + gain[:, 0] * ((box[0] + box[2]) / 2 - state[0])
        spread = (np.eye(2) - gain @ look) @ spread
    return state


def test_the_filter_is_the_textbooks():
    boxes = [BOX + np.array([x, 0, x, 0]) for x in itertools.accumulate([4, 7, 2, 9, -3])]
    motion = Motion(BOX)
    for box in boxes:
        motion.predict(0.1)
        motion.correct(box)
    assert [motion.centre_wh[0], motion.velocity[0]] == pytest.approx(textbook(boxes, 0.1).tolist())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sure_score": 2}, "sure_score, least_iou, weak_iou: expected 0 to 1, got 2, 0.2, 0.4"),
        ({"life_s": 0}, "confirm_s, life_s: expected 0 or more and more than 0, got 0.2 and 0"),
    ],
)
def test_impossible_options_are_refused(wrong, message):
    with pytest.raises(InputError) as caught:
        TrackerOptions(**wrong)
    assert str(caught.value) == message
