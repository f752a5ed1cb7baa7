from __future__ import annotations

import pytest

from edge_sdk.tasks import TaskSpec, build_task
from edge_sdk.transform import Transform
from scripts.benchmarks.decode import raw_output, usual

HERE = Transform(source_wh=(640, 640), model_wh=(640, 640), scale_xy=(1.0, 1.0), offset_xy=(0, 0))


@pytest.mark.parametrize(("things", "seen"), [(0, 0), (5, 8), (20, 8), (50, 10)])
def test_what_is_timed_gives_what_opencv_gives(things, seen):
    task = build_task(TaskSpec("detection", head="yolov8", score_threshold=0.25, iou_threshold=0.45))
    raw = raw_output(things, seen)
    assert len(task.decode({"output0": raw}, HERE).scores) == usual(raw)
    assert usual(raw) >= things
