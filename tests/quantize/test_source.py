from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_sdk import metadata
from edge_sdk.errors import InputError
from edge_sdk.preprocess import ImageSteps, Preprocess
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import ImageFlags, QuantRequest
from edge_sdk.quantize.source import check_cleaned, open_source
from edge_sdk.tasks import TaskSpec
from edge_sdk.tensors import TensorSpec
from tests.quantize.cards import COLORS, build, build_classifier, save

CARRIED = {metadata.PREPROCESS: '{"image": {"size_wh": [32, 24], "color": "bgr"}}', "names": "{0: 'r', 1: 'g', 2: 'b'}"}


def request(model: Path, **changes):
    return QuantRequest(model, (load_profile("raspberry-pi-5"),), "data", **changes)


def refused(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return str(caught.value), caught.value.hint


def test_a_model_tells_what_it_is(tmp_path):
    path = save(build_classifier(metadata=CARRIED), tmp_path / "m.onnx")
    source = open_source(request(path))
    assert source.files == (path,)
    assert source.inputs == (TensorSpec("x", "float32", (1, 3, 24, 32)),)
    assert source.outputs == (TensorSpec("y", "float32", (1, 3)),)
    assert source.class_names == ("r", "g", "b")
    assert source.preprocess.image == ImageSteps(size_wh=(32, 24), color="bgr")
    assert source.task == TaskSpec("classification")


def test_what_is_given_comes_before_what_the_model_carries(tmp_path):
    path = save(build_classifier(metadata=CARRIED), tmp_path / "m.onnx")
    source = open_source(request(path, preprocess=ImageFlags(color="gray"), class_names=COLORS, task="tensor"))
    assert source.preprocess.image == ImageSteps(size_wh=(32, 24), color="gray")
    assert (source.class_names, source.task) == (COLORS, TaskSpec("tensor"))
    assert open_source(request(path, preprocess=Preprocess())).preprocess == Preprocess()


def test_weights_in_a_file_of_their_own_belong_to_the_model(tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(build_classifier(), path, save_as_external_data=True, location="m.onnx.data", size_threshold=0)
    assert open_source(request(path)).files == (path, tmp_path / "m.onnx.data")


def test_names_and_outputs_must_agree_with_the_task(tmp_path):
    path = save(build_classifier(), tmp_path / "m.onnx")
    assert open_source(request(path, class_names=("a", "b"))).task == TaskSpec("tensor")
    message, _ = refused(open_source, request(path, class_names=("a", "b"), task="classification"))
    assert message == (
        "task: expected outputs of classification (one output [batch, classes]) for 2 labels, got y [1, 3]"
    )


def test_text_is_refused(tmp_path):
    model = build([helper.make_node("Identity", ["x"], ["y"])], {})
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.STRING
    message, _ = refused(open_source, request(save(model, tmp_path / "m.onnx")))
    assert message == f"{tmp_path}/m.onnx: expected tensors of numbers, got x of text"


def test_the_cleaned_graph_is_checked_against_the_file(tmp_path):
    model = build_classifier()
    path = save(model, tmp_path / "m.onnx")
    source, sample = open_source(request(path)), {"x": np.ones((1, 3, 24, 32), np.float32)}
    check_cleaned(request(path), source, sample)
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == "last_b")
    bias.CopyFrom(numpy_helper.from_array(np.full(3, 9, np.float32), "last_b"))
    save(model, path)
    message, hint = refused(check_cleaned, request(path), source, sample)
    assert message.startswith(f"{path}: expected the folded model to compute the same, got y at ")
    assert hint == "export the model with a newer opset, such as 17"


@pytest.mark.parametrize("op", ["Log", "Reciprocal"])
def test_a_model_that_computes_no_numbers_is_told_without_a_warning(tmp_path, op):
    path = save(build([helper.make_node(op, ["x"], ["y"])], {}, outputs=[("y", [1, 3, 24, 32])]), tmp_path / "m.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        message, hint = refused(
            check_cleaned, request(path), open_source(request(path)), {"x": np.zeros((1, 3, 24, 32), np.float32)}
        )
    assert message == f"{path}: expected finite numbers in y, got NaN or infinite"
    assert hint == "check the preprocessing: divisor, mean and std"
