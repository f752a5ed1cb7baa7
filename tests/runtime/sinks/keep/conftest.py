from __future__ import annotations

import pytest

from edge_sdk.preprocess import ImageSteps, Preprocess
from edge_sdk.tasks import TaskSpec
from tests.runtime.models import build_colors, describe
from tests.runtime.sinks.keep.outcomes import LABELS

PICTURES = Preprocess(image=ImageSteps(size_wh=(48, 32), resize="letterbox"))


@pytest.fixture(scope="session")
def detector():
    """The manifest of a detector of persons and cars."""
    task = TaskSpec("detection", head="boxes-scores", score_threshold=0.5)
    return describe(build_colors(), task=task, preprocess=PICTURES, labels=LABELS)


@pytest.fixture(scope="session")
def classifier():
    """The manifest of a classifier of persons and cars."""
    return describe(build_colors(), task=TaskSpec("classification"), preprocess=PICTURES, labels=LABELS)
