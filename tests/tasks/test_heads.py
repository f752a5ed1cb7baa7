"""Each head against `reference.py`, on recorded raw outputs and, with assets, on those of a real detector."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.media import read_image
from edge_sdk.preprocess import ImageSteps, prepare_image
from edge_sdk.session import host_config, open_session
from edge_sdk.tasks import HEADS, Detections, TaskSpec, build_task
from edge_sdk.transform import Transform
from tests.tasks import reference
from tests.tasks.raw_outputs import WH, recorded

ASSETS = Path(os.environ.get("EDGE_SDK_ASSETS", Path(__file__).parents[3] / "shared" / "assets"))
HERE = Transform(source_wh=WH, model_wh=WH, scale_xy=(1.0, 1.0), offset_xy=(0, 0))


def assert_same(found: Detections, wanted: list[reference.Box], transform: Transform) -> None:
    assert len(found.scores) == len(wanted)
    boxes = np.array([box for box, _, _ in wanted], np.float64).reshape(-1, 4)
    order = sorted(range(len(wanted)), key=lambda i: (-wanted[i][1], wanted[i][2]))
    ours = np.lexsort((found.classes, -found.scores))
    np.testing.assert_allclose(found.scores[ours], [wanted[i][1] for i in order], atol=1e-6)
    assert found.classes[ours].tolist() == [wanted[i][2] for i in order]
    np.testing.assert_allclose(found.xyxy[ours], transform.clip(transform.to_source(boxes))[order], atol=2e-3)


@pytest.mark.parametrize("head", HEADS["detection"])
@pytest.mark.parametrize("least", [0.05, 0.3, 0.6])
def test_a_head_is_read_as_its_authors_describe_it(head, least):
    outputs = recorded(head)
    task = build_task(TaskSpec("detection", head=head, score_threshold=least, iou_threshold=0.45, max_detections=1000))
    wanted = reference.decode(head, outputs, least=least, iou=0.45, wh=WH)
    assert len(wanted) > 2
    assert_same(task.decode(outputs, HERE), wanted, HERE)


def test_a_real_detector_is_read_as_its_authors_describe_it():
    if not (ASSETS / "models" / "ultraface_rfb_320.onnx").exists():
        pytest.skip("no ultraface_rfb_320.onnx in EDGE_SDK_ASSETS")
    steps = ImageSteps((320, 240), divisor=128.0, mean=(0.9921875,))
    task = build_task(TaskSpec("detection", head="ssd", score_threshold=0.7, iou_threshold=0.3, max_detections=1000))
    session = open_session(ASSETS / "models" / "ultraface_rfb_320.onnx", host_config(), where="faces")
    count = 0
    for path in sorted((ASSETS / "images" / "coco").rglob("*.jpg"))[:40]:
        tensor, transform = prepare_image(steps, read_image(path))
        outputs = session.run({"input": tensor})
        wanted = reference.decode("ssd", outputs, least=0.7, iou=0.3, wh=(320, 240))
        assert_same(task.decode(outputs, transform), wanted, transform)
        count += len(wanted)
    assert count > 10


FOUND = Detections(np.array([[1, 2, 3, 4]], np.float32), np.array([0.5], np.float32), np.array([7]))


def test_users_of_supervision_get_what_they_know(monkeypatch):
    class Theirs:
        def __init__(self, xyxy, mask=None, confidence=None, class_id=None, tracker_id=None):
            self.xyxy, self.confidence, self.class_id = xyxy, confidence, class_id

    monkeypatch.setitem(sys.modules, "supervision", types.SimpleNamespace(Detections=Theirs))
    theirs = FOUND.to_supervision()
    assert theirs.xyxy is FOUND.xyxy
    assert theirs.confidence is FOUND.scores
    assert theirs.class_id is FOUND.classes


def test_without_supervision_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(InputError, match=r"^supervision: expected the package, got none installed$") as caught:
        FOUND.to_supervision()
    assert caught.value.hint == "pip install supervision"
