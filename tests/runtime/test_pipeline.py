from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.files import sha256_hex
from edge_sdk.package import open_package
from edge_sdk.preprocess import ImageSteps, Preprocess, WindowSteps
from edge_sdk.profiles import load_profile
from edge_sdk.runtime import Pipeline
from edge_sdk.runtime.frame import Sample
from edge_sdk.session import host_config
from edge_sdk.tasks import TaskSpec
from tests.runtime.models import (
    COLORS,
    build,
    card,
    describe,
    describe_colors,
    moving_card,
    write_colors,
    write_moving,
)
from tests.runtime.swap import candidates


@pytest.mark.parametrize("size_wh", [(60, 40), (40, 60), (320, 96), (7, 200)])
@pytest.mark.parametrize("name", COLORS)
def test_the_colour_of_a_picture_is_named_whatever_its_size(colors, name, size_wh):
    assert COLORS[colors(card(name, size_wh=size_wh)).classes[0]] == name


@pytest.mark.parametrize(
    ("size_wh", "first"),
    [((48, 32), [0, 4, 24, 28]), ((96, 64), [0, 8, 48, 56]), ((96, 32), [0, 0, 48, 32]), ((24, 32), [0, 4, 12, 28])],
    ids=["same size", "twice as large", "wide", "high"],
)
def test_boxes_are_in_pixels_of_the_picture(boxes, size_wh, first):
    found = boxes(np.zeros((size_wh[1], size_wh[0], 3), np.uint8))
    assert found.xyxy[0].tolist() == first


def test_an_outcome_tells_where_it_comes_from(colors, colors_model):
    captured_ns = monotonic_ns() - 5_000_000
    outcome = colors.process(Sample(card("green"), 7, captured_ns, "driver", "camera:0"))
    assert (outcome.seq, outcome.captured_ns, outcome.source) == (7, captured_ns, "camera:0")
    assert outcome.model == sha256_hex(colors_model)
    assert 5 < outcome.age_ms < 1000
    assert min(outcome.timings.preprocess_ms, outcome.timings.infer_ms, outcome.timings.decode_ms) > 0


def test_an_outcome_is_data_with_names(colors):
    data = colors.process(Sample(card("blue"), 0, 0, "file", "clip.mp4")).to_data()
    assert list(data) == ["seq", "captured_ns", "clock", "source", "model", "age_ms", "timings", "value"]
    assert list(data["timings"]) == ["preprocess_ms", "infer_ms", "decode_ms"]
    assert data["value"]["classes"][0]["label"] == "blue"


def test_a_sample_of_a_file_has_no_age(colors):
    assert colors.process(Sample(card("red"), 0, 0, "file", "clip.mp4")).age_ms is None


@pytest.mark.parametrize("shape", [(2,), (1, 2)], ids=["without batch axis", "with it"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_tensors_are_taken_as_they_are(adds, shape, dtype):
    result = adds({"a": np.full(shape, 1, dtype), "b": np.full(shape, 2, dtype)})
    assert result.tensors["sum"].tolist() == [[3, 3]]


def test_a_missing_tensor_is_told(adds):
    with pytest.raises(InputError, match=r"^tiny: expected inputs a, b, got a$"):
        adds({"a": np.zeros(2, np.float32)})


def test_tensors_for_a_model_of_pictures_are_refused(colors):
    with pytest.raises(InputError, match=r"^sample: expected a picture, got tensors by name \(x\)$"):
        colors({"x": np.zeros(3)})


def test_windows_are_normalized_as_declared():
    model = build([helper.make_node("Identity", ["x"], ["y"])], [("x", [1, 2, 4])], [("y", [1, 2, 4])])
    steps = WindowSteps(("x", "y"), samples=4, hop=2, normalize="fixed", mean=(1.0,), std=(2.0,))
    manifest = describe(model, task=TaskSpec("tensor"), preprocess=Preprocess(window=steps))
    with Pipeline(manifest, model, config=host_config()) as pipeline:
        result = pipeline(np.array([[1, 3]] * 4))
    assert result.tensors["y"].tolist() == [[[0] * 4, [1] * 4]]


def test_a_window_of_one_column_needs_no_second_axis():
    model = build([helper.make_node("Identity", ["x"], ["y"])], [("x", [1, 1, 3])], [("y", [1, 1, 3])])
    steps = Preprocess(window=WindowSteps(("x",), samples=3, hop=1))
    with Pipeline(describe(model, task=TaskSpec("tensor"), preprocess=steps), model, config=host_config()) as pipeline:
        assert pipeline(np.array([1, 2, 3])).tensors["y"].tolist() == [[[1, 2, 3]]]


def test_a_model_that_does_not_fit_its_preprocessing_is_refused_when_opened(colors_manifest, colors_model):
    manifest = replace(colors_manifest, preprocess=Preprocess(image=ImageSteps(size_wh=(32, 48))))
    with pytest.raises(InputError, match=r"^tiny: expected x of shape \[1, 3, 32, 48\], got \[1, 3, 48, 32\]$"):
        Pipeline(manifest, colors_model, config=host_config())


def test_a_declared_preprocessing_needs_one_input(colors_manifest):
    model = build([helper.make_node("Add", ["a", "b"], ["y"])], [("a", [1]), ("b", [1])], [("y", [1])])
    with pytest.raises(InputError, match=r"^tiny: expected one input for the declared preprocessing, got 2$"):
        Pipeline(colors_manifest, model, config=host_config())


def test_a_package_opens_on_this_machine(colors_package):
    with Pipeline.open(open_package(colors_package)) as pipeline:
        assert COLORS[pipeline(card("green")).classes[0]] == "green"


def test_a_board_with_other_hardware_is_told(colors_package):
    package = open_package(colors_package)
    with pytest.raises(UnavailableError, match=r"^tiny: expected execution provider .*Tensorrt.*, got ") as caught:
        Pipeline.open(package, load_profile("jetson-orin-nano"))
    assert caught.value.hint.startswith("install the board's own onnxruntime build, or choose a profile")


def test_a_threshold_is_for_boxes(colors_package):
    with pytest.raises(InputError, match=r"^score_threshold: expected a model of boxes, got classification$"):
        Pipeline.open(open_package(colors_package), score_threshold=0.5)


def test_closing_twice_is_harmless(colors):
    colors.close()
    colors.close()


def test_nothing_is_left_of_the_file_that_a_model_was_opened_from(colors_package):
    with Pipeline.open(open_package(colors_package)) as pipeline:
        opened = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        assert not [name for name in opened if "memfd" in name]
        assert pipeline.model == sha256_hex(pipeline.opened.package.model_for(pipeline.opened.profile)[1])


def test_a_package_is_opened_as_another_one_was(tmp_path, colors_package):
    board = load_profile("raspberry-pi-5")
    with Pipeline.open(open_package(colors_package), board) as pipeline:
        other = pipeline.opened.open(open_package(write_colors(tmp_path / "other.edge")))
        other.close()
    assert (other.opened.profile, other.opened.score_threshold) == (board, None)


def test_an_output_that_is_no_number_may_be_refused():
    model = candidates.no_number_for_blue()
    with Pipeline(describe_colors(model), model, config=host_config()) as pipeline:
        assert pipeline(card("blue")).classes == ()
        pipeline.refuses_nan = True
        assert COLORS[pipeline(card("red")).classes[0]] == "red"
        with pytest.raises(InputError, match=r"^tiny: expected finite numbers in y, got NaN$"):
            pipeline(card("blue"))


def test_candidates_below_the_threshold_change_nothing_in_the_result(boxes, tmp_path):
    package = open_package(write_moving(tmp_path / "moving-1.edge"))
    sample = Sample(moving_card(3), 0, 0, "file", "x")
    with Pipeline.open(package, score_threshold=0.95) as strict:
        outcome = strict.process(sample, candidates_from=0.1)
        assert (len(outcome.value.scores), len(outcome.candidates.scores)) == (0, 1)
        assert strict.process(sample).candidates is None
    plain, wide = boxes.process(sample), boxes.process(sample, candidates_from=0.01)
    assert plain.value.to_data(()) == wide.value.to_data(()) == wide.candidates.to_data(())
    assert "candidates" not in wide.to_data()


def test_a_task_without_boxes_has_no_candidates(colors):
    assert colors.process(Sample(card("red"), 0, 0, "file", "x"), candidates_from=0.01).candidates is None
