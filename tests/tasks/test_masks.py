"""Masks against pycocotools and against the definition, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from edge_sdk.preprocess import ImageSteps, prepare_image
from edge_sdk.tasks.masks import enlarged, grid_of, inside, mask_iou, nearest, run_lengths

sides = st.integers(5, 90)


@settings(max_examples=60)
@given(sides, sides, st.integers(0, 1000), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
def test_runs_are_those_of_pycocotools(width, height, seed, share):
    rng = np.random.default_rng(seed)
    left, right = sorted(rng.integers(0, width + 1, 2).tolist())
    top, bottom = sorted(rng.integers(0, height + 1, 2).tolist())
    whole = np.zeros((height, width), bool)
    whole[top:bottom, left:right] = rng.random((bottom - top, right - left)) < share
    told = run_lengths(whole[top:bottom, left:right], (left, top, right, bottom), (width, height))
    theirs = coco.frPyObjects(told, height, width)
    assert sum(told["counts"]) == width * height
    assert np.array_equal(coco.decode(theirs).astype(bool), whole)
    assert theirs["counts"] == coco.encode(np.asfortranarray(whole.astype(np.uint8)))["counts"]


def test_the_overlap_is_that_of_pycocotools():
    rng = np.random.default_rng(1)
    ours, theirs = rng.random((4, 20, 30)) < 0.5, rng.random((3, 20, 30)) < 0.3
    ours[0] = theirs[0] = False
    one, other = ([coco.encode(np.asfortranarray(m.astype(np.uint8))) for m in masks] for masks in (ours, theirs))
    np.testing.assert_allclose(mask_iou(ours, theirs), coco.iou(one, other, [0, 0, 0]), atol=1e-6)


@settings(max_examples=40)
@given(
    st.integers(20, 300),
    st.integers(20, 300),
    st.sampled_from(["stretch", "letterbox", "crop"]),
    st.sampled_from([(64, 64), (96, 32), (32, 96)]),
)
def test_a_pixel_takes_the_cell_where_preprocessing_put_it(width, height, resize, size_wh):
    _, transform = prepare_image(ImageSteps(size_wh, resize=resize), np.zeros((height, width, 3), np.uint8))
    cells = np.arange(size_wh[0] * size_wh[1] // 16).reshape(size_wh[1] // 4, size_wh[0] // 4)
    grid = grid_of(transform, (cells.shape[1], cells.shape[0]))
    found = nearest(cells, grid, np.array([width, height]))
    assert found.shape == (height, width)
    for x, y in [(0, 0), (width - 1, 0), (width // 3, height // 2), (width - 1, height - 1)]:
        at = (np.array([x + 0.5, y + 0.5]) * transform.scale_xy + transform.offset_xy) / 4
        if np.abs(at - np.rint(at)).min() > 1e-6:  # not on the edge of two cells
            column, row = np.clip(np.floor(at), 0, [cells.shape[1] - 1, len(cells) - 1]).astype(int)
            assert found[y, x] == cells[row, column]


def test_the_padding_of_a_letterbox_is_not_the_picture():
    _, transform = prepare_image(ImageSteps((64, 64), resize="letterbox"), np.zeros((50, 100, 3), np.uint8))
    cells = np.arange(256).reshape(16, 16)
    assert np.array_equal(inside(cells, grid_of(transform, (16, 16)), np.array([100, 50])), cells[4:12])


@pytest.mark.parametrize("box", [(0, 0, 160, 160), (32, 16, 120, 150)])
def test_an_enlarged_mask_has_smooth_edges_where_its_cells_were(box):
    y, x = np.mgrid[:40, :40]
    disc = np.square(x - 19.5) + np.square(y - 19.5) < 200
    found = enlarged(disc, np.array([0.25, 0.25, 0, 0]), box)
    left, top, right, bottom = box
    y, x = np.mgrid[top:bottom, left:right]
    wanted = np.square(x + 0.5 - 80) + np.square(y + 0.5 - 80) < 200 * 16
    assert found.shape == (bottom - top, right - left)
    assert (found & wanted).sum() / (found | wanted).sum() > 0.97
