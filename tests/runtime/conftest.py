"""Two tiny models: one names the strongest colour of a picture, one always finds the same two boxes."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from edge_sdk.package import Manifest
from edge_sdk.preprocess import ImageSteps, Preprocess
from edge_sdk.runtime import Pipeline
from edge_sdk.runtime.frame import Sample
from edge_sdk.session import host_config
from edge_sdk.tasks import TaskSpec
from tests.runtime.models import build, build_colors, card, describe, describe_colors, write_colors


@pytest.fixture(scope="session")
def colors_model() -> bytes:
    return build_colors()


@pytest.fixture(scope="session")
def colors_manifest(colors_model) -> Manifest:
    return describe_colors(colors_model)


@pytest.fixture
def colors(colors_manifest, colors_model):
    """A pipeline that takes pictures and names their strongest colour."""
    with Pipeline(colors_manifest, colors_model, config=host_config()) as pipeline:
        yield pipeline


@pytest.fixture
def boxes():
    """A pipeline that finds boxes at xyxy (0, 4, 24, 28) and (24, 4, 48, 28) of its 48x32 input, scores .9 and .4."""
    found = np.array([[[0, 4, 24, 28], [24, 4, 48, 28]]], np.float32)
    scores = np.array([[[0.9, 0.0], [0.0, 0.4]]], np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["found", "nothing"], ["boxes"]),
        helper.make_node("Add", ["given", "nothing"], ["scores"]),
    ]
    weights = [("zero", np.array(0, np.float32)), ("found", found), ("given", scores)]
    model = build(nodes, [("x", [1, 3, 32, 48])], [("boxes", [1, 2, 4]), ("scores", [1, 2, 2])], weights)
    task = TaskSpec("detection", head="boxes-scores", score_threshold=0.3)
    steps = Preprocess(image=ImageSteps(size_wh=(48, 32), resize="letterbox"))
    manifest = describe(model, task=task, preprocess=steps, labels=("bolt", "nut"))
    with Pipeline(manifest, model, config=host_config()) as pipeline:
        yield pipeline


@pytest.fixture
def adds():
    """A pipeline without preprocessing that adds its inputs a [1, 2] and b [1, 2]."""
    nodes = [helper.make_node("Add", ["a", "b"], ["sum"])]
    model = build(nodes, [("a", [1, 2]), ("b", [1, 2])], [("sum", [1, 2])])
    with Pipeline(describe(model, task=TaskSpec("tensor"), preprocess=Preprocess()), model, config=host_config()) as p:
        yield p


@pytest.fixture
def colors_package(tmp_path):
    """The package of the colour model, written."""
    return write_colors(tmp_path / "colors-1.edge")


@pytest.fixture(scope="session")
def colors_outcome(colors_manifest, colors_model):
    """A sample, and what the colour model says about it."""
    sample = Sample(card("red"), 0, captured_ns=0, clock="file", source="x")
    with Pipeline(colors_manifest, colors_model, config=host_config()) as pipeline:
        return sample, pipeline.process(sample)
