from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.preprocess import ImageSteps, prepare_image
from edge_sdk.tasks import SegmentationMap, TaskSpec, build_task
from edge_sdk.tasks.segmentation import IGNORED
from edge_sdk.transform import Transform

HERE = Transform(source_wh=(8, 4), model_wh=(8, 4), scale_xy=(1.0, 1.0), offset_xy=(0, 0))
TASK = build_task(TaskSpec("segmentation", head="class-scores"))
RNG = np.random.default_rng(5)


def shown(classes: np.ndarray) -> SegmentationMap:
    return TASK.decode({"y": np.eye(4, dtype=np.float32)[classes].transpose(2, 0, 1)[np.newaxis]}, HERE)


@pytest.mark.parametrize("head", ["class-scores", "class-scores-last", "class-map"])
def test_each_cell_has_its_best_class(head):
    scores = RNG.normal(size=(1, 5, 4, 8)).astype(np.float32)
    wanted = [[max(range(5), key=lambda c: scores[0, c, y, x]) for x in range(8)] for y in range(4)]
    outputs = {
        "class-scores": scores,
        "class-scores-last": scores.transpose(0, 2, 3, 1),
        "class-map": np.array([wanted], np.int64),
    }[head]
    found = build_task(TaskSpec("segmentation", head=head)).decode({"y": outputs}, HERE)
    assert found.to_source().tolist() == wanted


@pytest.mark.parametrize(("values", "wanted"), [([-3, 2], [0, 1]), ([0.2, 0.7], [0, 1]), ([0.0, 0.5], [0, 0])])
def test_a_single_class_is_there_or_not(values, wanted):
    scores = np.array(values, np.float32).repeat(16).reshape(1, 1, 4, 8)
    assert np.unique(TASK.decode({"y": scores}, HERE).classes).tolist() == sorted(set(wanted))


def test_a_letterboxed_picture_gets_its_own_pixels_back():
    image = np.zeros((30, 60, 3), np.uint8)
    image[:15, :30] = 255
    steps = ImageSteps((64, 64), resize="letterbox", pad_value=0, interpolation="nearest")
    tensor, transform = prepare_image(steps, image)
    found = TASK.decode({"y": np.stack([1 - tensor[:, 0], tensor[:, 0]], axis=1)}, transform)
    assert np.mean(found.to_source() == (image[..., 0] > 0)) > 0.98
    assert found.of_picture().shape == (32, 64)
    assert found.to_data(("floor", "part"))["areas"][0] == {"class": 0, "label": "floor", "share": 0.75}


def test_cells_that_are_no_numbers_have_no_class_and_agree_with_nothing():
    scores = RNG.normal(size=(1, 3, 4, 8)).astype(np.float32)
    scores[0, 1, 0, 0] = np.nan
    found = TASK.decode({"y": scores}, HERE)
    assert found.classes[0, 0] == -1
    assert TASK.agreement(found, found) == pytest.approx(31 / 32)


def test_the_agreement_is_the_share_of_equal_cells():
    one, other = RNG.integers(0, 3, (2, 4, 8))
    assert TASK.agreement(shown(one), shown(other)) == pytest.approx(np.mean(one == other))


def slow_miou(pairs) -> float:
    ratios = []
    for kind in range(4):
        hits = union = labelled = 0
        for found, truth in pairs:
            for ours, theirs in zip(found.ravel(), truth.ravel(), strict=True):
                if theirs != IGNORED:
                    hits += ours == kind == theirs
                    union += kind in {ours, theirs}
                    labelled += theirs == kind
        if labelled:
            ratios.append(hits / union)
    return 100 * sum(ratios) / len(ratios)


@pytest.mark.parametrize("counts", [[1, 1, 1], [2, 0, 1], [0, 3, 0]])
def test_the_score_is_the_mean_overlap_of_the_classes_pixel_by_pixel(counts):
    found = RNG.integers(0, 4, (3, 4, 8))
    truths = np.where(RNG.random((3, 4, 8)) < 0.7, found, RNG.integers(0, 3, (3, 4, 8)))
    truths[:, 0, :3] = IGNORED
    score = TASK.score([shown(one) for one in found], list(truths))
    drawn = [pair for pair, count in zip(zip(found, truths, strict=True), counts, strict=True) for _ in range(count)]
    assert score.resampled(np.array([counts], np.float64))[0] == pytest.approx(slow_miou(drawn))
    assert score.metric == "mIoU"


def test_other_outputs_are_refused():
    with pytest.raises(InputError, match=r"^segmentation: expected \[1, classes, height, width\], got \[1, 5\]$"):
        TASK.decode({"y": np.zeros((1, 5))}, HERE)
    with pytest.raises(InputError, match=r"^segmentation: expected pictures, got tensors$"):
        TASK.decode({}, None)
    with pytest.raises(InputError, match=r"^segmentation: expected labels of size \[4, 8\], got \[2, 2\]$"):
        TASK.score([shown(np.zeros((4, 8), int))], [np.zeros((2, 2), int)])
