from __future__ import annotations

from base64 import b64decode

import cv2
import numpy as np
import pytest

from edge_sdk.preprocess import ImageSteps, Preprocess
from edge_sdk.quantize.changes import MOST_EXAMPLES, Pair, Shown, tell_changes
from edge_sdk.quantize.departure import Departure, Swap
from edge_sdk.samples import read_pictures, read_samples
from edge_sdk.tensors import TensorSpec
from tests.quantize.cards import COLORS, SIZE_WH, card, write_cards

STEPS = Preprocess(image=ImageSteps(size_wh=SIZE_WH))
INPUT = TensorSpec("x", "float32", (1, 3, 24, 32))
LOST, WON = (True, False), (False, True)


def shown(folder, *, pictures=True, count=30):
    paths = sorted(write_cards(folder / "cards", range(count)).iterdir())
    return Shown(read_pictures(paths, STEPS, [INPUT]), STEPS, COLORS, pictures)


def swap(before, after, rights=(None, None), score=0.5, **placed):
    return Swap(before, after, score, 0.25, *rights, **placed)


def test_changes_are_counted_by_what_became_what(tmp_path):
    swaps = [swap(0, 1, LOST), swap(0, 1, LOST), swap(0, 1, WON), swap(2, None, WON), swap(None, 7, (False, False))]
    changes = tell_changes([Departure(i, 0.0, (one,)) for i, one in enumerate(swaps)], shown(tmp_path))
    assert (changes.samples, changes.changed, changes.lost, changes.won) == (30, 5, 2, 2)
    assert changes.pairs == (
        Pair("red", "green", 3, 2, 1),
        Pair("", "class 7", 1, 0, 0),
        Pair("blue", "", 1, 0, 1),
    )


def test_the_worst_come_first_and_not_all_of_them(tmp_path):
    rights = [WON, (False, False), LOST] * 8
    departures = [Departure(i, 0.0, (swap(0, 1, one, i / 30),)) for i, one in enumerate(rights)]
    examples = tell_changes(departures, shown(tmp_path)).examples
    assert len(examples) == MOST_EXAMPLES
    assert [one.sample for one in examples[:3]] == ["card-023.png", "card-020.png", "card-017.png"]
    assert [one.answers[0].effect for one in examples] == ["lost"] * 8 + ["neither"] * 4


def test_a_picture_is_what_the_model_sees(tmp_path):
    (example,) = tell_changes([Departure(4, 0.0, (swap(0, 1),), 2)], shown(tmp_path)).examples
    kind, _, data = example.picture.partition(",")
    assert (kind, example.truth, example.answers[0].effect) == ("data:image/jpeg;base64", "blue", "unknown")
    seen = cv2.imdecode(np.frombuffer(b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert seen.shape[:2] == SIZE_WH[::-1]
    assert np.abs(seen.mean(axis=(0, 1)) - card(4).mean(axis=(0, 1))).max() < 4


def test_boxes_are_told_as_shares_of_what_the_model_sees(tmp_path):
    placed = swap(0, None, xyxy=(15.0, 10.0, 30.0, 50.0))  # of a card of 60x40
    (example,) = tell_changes([Departure(0, 0.0, (placed,))], shown(tmp_path)).examples
    assert example.answers[0].box == (0.25, 0.25, 0.5, 1.0)


def test_without_pictures_only_the_name_of_a_sample_is_told(tmp_path):
    departures = [Departure(0, 0.0, (swap(0, 1),))]
    with_it, without = (
        tell_changes(departures, shown(tmp_path / str(p), pictures=p)).examples[0] for p in (True, False)
    )
    assert with_it.picture
    assert (without.sample, without.picture, without.window) == ("card-000.png", "", ())


@pytest.mark.parametrize(("shape", "points"), [((1, 1, 500), 96), ((1, 5), 5), ((1, 4, 5), 0)])
def test_a_line_of_values_is_thinned_out(tmp_path, shape, points):
    values = np.arange(3 * np.prod(shape), dtype=np.float32).reshape(3, *shape[1:])
    np.save(tmp_path / "x.npy", values)
    samples = read_samples(str(tmp_path / "x.npy"), Preprocess(), [TensorSpec("x", "float32", shape)])
    (example,) = tell_changes([Departure(1, 0.5, ())], Shown(samples, Preprocess(), (), pictures=True)).examples
    assert (example.sample, example.picture, len(example.window)) == ("x.npy[1]", "", points)
    assert list(example.window[:1] + example.window[-1:]) == ([values[1].min(), values[1].max()] if points else [])


def test_no_change_is_told_as_such(tmp_path):
    changes = tell_changes([], shown(tmp_path))
    assert (changes.changed, changes.pairs, changes.examples) == (0, (), ())
