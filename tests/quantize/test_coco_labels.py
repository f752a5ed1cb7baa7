from __future__ import annotations

import json

import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.quantize.coco_labels import read_coco
from edge_sdk.tasks.pose import keypoint_similarity
from tests.quantize.cards import write_cards

IMAGES = [{"id": 7, "file_name": "card-000.png"}, {"id": 3, "file_name": "card-001.png"}]
CATEGORIES = [{"id": 18, "name": "dog"}, {"id": 1, "name": "person", "keypoints": ["nose", "eye"]}]
DOG = {"id": 1, "image_id": 3, "category_id": 18, "bbox": [5, 6, 10, 20], "area": 150.5, "iscrowd": 0}
PERSON = {"id": 2, "image_id": 3, "category_id": 1, "bbox": [0, 0, 4, 8], "keypoints": [1, 2, 2, 3, 4, 0]}
UNSEEN = {**PERSON, "keypoints": [0, 0, 0, 0, 0, 0]}
CROWD = {**DOG, "iscrowd": 1, "segmentation": {"counts": [1, 2], "size": [3, 4]}}


@pytest.fixture
def read(tmp_path):
    write_cards(tmp_path, range(2))

    def call(*annotations, kind="detection", names=(), **changes):
        data = {"images": IMAGES, "annotations": annotations, "categories": CATEGORIES, "info": {}, **changes}
        (tmp_path / "labels.json").write_text(json.dumps(data))
        return read_coco(tmp_path / "labels.json", [], names=names, kind=kind)

    return call


@pytest.mark.parametrize("kind", ["detection", "instances"])
@pytest.mark.parametrize(("names", "classes"), [((), [1, 0]), (("person", "cat", "dog"), [2, 0]), (("a", "b"), [1, 0])])
def test_boxes_are_corners_and_classes_go_by_name_or_order(read, kind, names, classes):
    files, (empty, found) = read(DOG, PERSON, CROWD, kind=kind, names=names)
    assert [file.name for file in files] == ["card-000.png", "card-001.png"]
    assert len(empty.xyxy) == 0
    assert found.xyxy.tolist() == [[5, 6, 15, 26], [0, 0, 4, 8]]
    assert found.classes.tolist() == classes


def test_joints_are_those_of_bodies_that_have_one_labelled(read):
    _, (empty, found) = read(PERSON, UNSEEN, kind="pose")
    assert found.joints.tolist() == [[[1, 2, 2], [3, 4, 0]]]
    assert found.areas.tolist() == [32]
    joints = np.zeros((2, 2, 3), np.float32)
    assert keypoint_similarity(joints, empty).shape == (2, 0)
    assert keypoint_similarity(joints[:0], found).shape == (0, 1)


def test_bodies_of_other_joints_are_refused(read):
    _, (_, found) = read(PERSON, kind="pose")
    with pytest.raises(InputError, match=r"^pose: expected labels of 17 joints, got 2$"):
        keypoint_similarity(np.zeros((1, 17, 3)), found)


@pytest.mark.parametrize(
    ("annotations", "changes", "message"),
    [
        ([{**DOG, "image_id": 4}], {}, "expected annotations of its images and categories, got others"),
        ([{**DOG, "bbox": [1]}], {}, "annotations[0].bbox, keypoints: expected 4 values and 3 a joint, got 1 and 0"),
        ([DOG], {"images": []}, "expected images, got none"),
        ([DOG], {"kind": "segmentation"}, "expected a task that boxes or joints score, got segmentation"),
        (
            [PERSON, {**PERSON, "keypoints": [1, 2, 2]}],
            {"kind": "pose"},
            "expected as many joints of each body, got 3, 6",
        ),
    ],
)
def test_other_files_are_refused(read, annotations, changes, message):
    with pytest.raises(InputError) as caught:
        read(*annotations, **changes)
    assert message in str(caught.value)
