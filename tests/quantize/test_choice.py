"""Which variant each board gets, on small models and by the whole way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from onnx import helper

from edge_sdk.errors import GateError
from edge_sdk.files import sha256_of_file
from edge_sdk.package import open_package
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import ImageFlags, QuantRequest, quantize
from edge_sdk.quantize.choice import aims_for, budget_for, choose_variants
from edge_sdk.quantize.variants import Choice
from edge_sdk.tasks import TaskSpec
from tests.quantize.cards import build, build_classifier, save, write_cards
from tests.quantize.models import clean

WIDE = "(float[1,64,32,32] x, float[64,64,3,3] a, float[64,64,3,3] b) => (float[] y) { t = Conv(x, a) y = Conv(t, b) }"
POOLS = "(float[1,3,64,64] x, float[2,3,1,1] w) => (float[] y) { p = GlobalAveragePool(x) c = Conv(p, w) y = Exp(c) }"


def request(*boards, **given):
    return QuantRequest("m.onnx", tuple(map(load_profile, boards)), "data", name="m", **given)


@pytest.mark.parametrize(
    ("task", "floor", "goal"),
    [
        (TaskSpec("detection", head="yolov8"), 0.85, 0.9),
        (TaskSpec("instances", head="yolov8-seg"), 0.85, 0.9),
        (TaskSpec("pose", head="yolov8-pose", joints=17, joint_values=3), 0.85, 0.9),
        (TaskSpec("classification"), 0.94, 0.97),
        (TaskSpec("segmentation", head="class-scores"), 0.94, 0.97),
        (TaskSpec("anomaly", head="distance"), 0.94, 0.97),
        (TaskSpec("tensor"), 0.94, 0.97),
    ],
)
def test_boxes_have_a_floor_and_a_goal_of_their_own(task, floor, goal):
    asked, graph = request("raspberry-pi-5"), clean(WIDE)
    assert budget_for(asked, task).min_agreement == floor
    assert aims_for(asked, task, graph, graph)["arm-int8"].goal_agreement == goal


def test_a_variant_is_chosen_for_the_board_that_would_rather_run_it_than_others_would():
    graph = clean(WIDE)
    aims = aims_for(request("x86-64-avx2", "raspberry-pi-5", "raspberry-pi-4b"), TaskSpec("tensor"), graph, graph)
    assert {"x86-int8": "x86-64-avx2", "arm-int8": "raspberry-pi-5"}.items() <= {
        family: aim.profile for family, aim in aims.items()
    }.items()


def test_an_agreement_that_is_asked_for_holds_for_boxes_too():
    asked = request("raspberry-pi-5", min_agreement=0.99)
    assert budget_for(asked, TaskSpec("detection", head="yolov8")).min_agreement == 0.99


def test_a_board_gets_integers_where_they_pay():
    assert choose_variants(request("raspberry-pi-5"), clean(WIDE)) == {"raspberry-pi-5": Choice("arm-int8")}


def test_a_board_gets_float_where_integers_gain_next_to_nothing():
    choices = choose_variants(request("raspberry-pi-5", "jetson-orin-nano"), clean(POOLS))
    arm = choices["raspberry-pi-5"]
    assert (arm.family, choices["jetson-orin-nano"].family) == ("fp32", "fp16")
    assert arm.reason.startswith("float is the better answer: arm-int8 would be 0.")
    assert arm.reason.endswith(" times as fast, and 1.05 times is asked for")


def test_who_asks_for_integers_gets_them():
    for given in ({"min_gain": 0.0}, {"min_integer_share": 0.1}, {"scheme": "static"}):
        assert choose_variants(request("raspberry-pi-5", **given), clean(POOLS))["raspberry-pi-5"].family == "arm-int8"


def test_a_board_that_would_do_as_well_in_float_runs_what_the_package_has_for_it():
    graph = clean(WIDE)
    picky = load_profile("raspberry-pi-4b")
    picky = replace(picky, quantization=replace(picky.quantization, min_gain=50.0))
    alone = choose_variants(QuantRequest("m.onnx", (picky,), "data", name="m"), graph)
    assert alone[picky.name].family == "fp32"
    both = choose_variants(QuantRequest("m.onnx", (load_profile("raspberry-pi-5"), picky), "data", name="m"), graph)
    assert both["raspberry-pi-5"] == Choice("arm-int8")
    assert both[picky.name] == Choice("arm-int8", "another board of the package needs it")


@pytest.fixture
def spoilt(tmp_path):
    """A classifier that int8 destroys in a layer that is most of its work, and what a request takes of its data."""
    return {
        "model": save(build_classifier(outlier=True), tmp_path / "m.onnx"),
        "calibration": str(write_cards(tmp_path / "cards", range(40))),
        "preprocess": ImageFlags(),
    }


@pytest.mark.parametrize(("board", "family"), [("raspberry-pi-5", "fp32"), ("jetson-orin-nano", "fp16")])
def test_where_no_plan_holds_the_budget_the_package_carries_float_and_says_why(spoilt, tmp_path, board, family):
    profile = load_profile(board)
    policy = replace(profile.quantization, min_integer_share=0.9, min_gain=0.01)
    report = quantize(QuantRequest(profiles=(replace(profile, quantization=policy),), **spoilt), tmp_path / "m.edge")
    (variant,) = report.variants
    assert set(open_package(tmp_path / "m.edge").manifest.variants) == {variant.family} == {family}
    assert any(f"{board}: {family}, since float is the better answer than " in note for note in report.notes)
    assert variant.frontier.chosen.family == family
    assert not any(point.holds for point in variant.frontier.points[:-1])


def test_a_share_in_integers_that_was_asked_for_is_not_answered_with_float(spoilt, tmp_path):
    with pytest.raises(GateError, match="agreement of at least 94"):
        quantize(
            QuantRequest(profiles=(load_profile("raspberry-pi-5"),), min_integer_share=0.9, **spoilt),
            tmp_path / "m.edge",
        )


@pytest.mark.parametrize("pick", ["knee", "fastest", "most-accurate"])
def test_each_pick_gives_the_same_bytes_again(spoilt, tmp_path, pick):
    asked = QuantRequest(profiles=(load_profile("raspberry-pi-4b"),), pick=pick, min_gain=0.5, **spoilt)
    reports = [quantize(asked, tmp_path / name) for name in ("a.edge", "b.edge")]
    assert sha256_of_file(tmp_path / "a.edge") == sha256_of_file(tmp_path / "b.edge")
    frontier = reports[0].variants[0].frontier
    assert (frontier.pick, frontier.chosen.holds, frontier.points[-1].family) == (pick, True, "fp32")
    assert frontier.chosen.layers == tuple(layer.name for layer in reports[0].variants[0].returned)


def test_a_model_without_layers_stays_as_it_is(tmp_path):
    nodes = [helper.make_node("GlobalAveragePool", ["x"], ["p"]), helper.make_node("Flatten", ["p"], ["y"])]
    model = save(build(nodes, {}), tmp_path / "m.onnx")
    folder = write_cards(tmp_path / "cards", range(20))
    asked = QuantRequest(model, (load_profile("raspberry-pi-5"),), str(folder), preprocess=ImageFlags())
    report = quantize(asked, tmp_path / "m.edge")
    assert report.variants[0].frontier is None
    assert report.notes[-1] == "raspberry-pi-5: fp32, since no layer would be int8"


def test_where_no_plan_with_calibrated_ranges_holds_those_of_each_inference_are_tried(tmp_path):
    rng = np.random.default_rng(0)
    weights = {"a": rng.standard_normal((64, 256)), "ab": np.zeros(256), "b": rng.standard_normal((256, 6))}
    nodes = [helper.make_node("Gemm", ["x", "a", "ab"], ["h"]), helper.make_node("Relu", ["h"], ["r"])]
    nodes.append(helper.make_node("MatMul", ["r", "b"], ["y"]))
    values = {name: value.astype(np.float32) for name, value in weights.items()}
    model = build(nodes, values, inputs=[("x", [1, 64])], outputs=[("y", [1, 6])])
    loud = 10.0 ** rng.uniform(-4, 4, (80, 1, 1))  # no range fits them all
    np.savez(tmp_path / "d.npz", x=(rng.standard_normal((80, 1, 64)) * loud).astype(np.float32))
    asked = QuantRequest(save(model, tmp_path / "m.onnx"), (load_profile("raspberry-pi-5"),), f"{tmp_path}/d.npz:x")
    report = quantize(replace(asked, task="classification"), tmp_path / "m.edge")
    (variant,) = report.variants
    assert variant.family == "dynamic-int8"
    assert variant.accuracy.agreement > 0.94
    start = "raspberry-pi-5: dynamic-int8, since ranges of each inference are the better answer than arm-int8: accuracy"
    assert any(note.startswith(start) for note in report.notes)
