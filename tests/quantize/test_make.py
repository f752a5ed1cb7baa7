from __future__ import annotations

import platform
from dataclasses import replace

import pytest

from edge_sdk.errors import GateError
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import ImageFlags, QuantRequest, families
from edge_sdk.quantize.aim import Aim
from edge_sdk.quantize.calibrate import collect
from edge_sdk.quantize.costs import modelled
from edge_sdk.quantize.emit import FORMS
from edge_sdk.quantize.guard import AccuracyBudget
from edge_sdk.quantize.make import Maker
from edge_sdk.quantize.material import choose_material
from edge_sdk.quantize.measure import Evaluation, open_float, run_all
from edge_sdk.quantize.request import silent
from edge_sdk.quantize.source import open_source
from tests.quantize.cards import build_classifier, save, write_cards

FAMILIES = ("arm-int8", "x86-int8", "tensorrt-int8", "tensorrt-int8-typed", "fp16")
BUDGET = AccuracyBudget(max_drop_points=0.5, min_agreement=0.9, min_integer_share=0.5)


@pytest.fixture(scope="module")
def maker(tmp_path_factory):
    """All that making variants of the classifier of cards takes."""
    folder = write_cards(tmp_path_factory.mktemp("make"), range(40))
    board = load_profile("raspberry-pi-5")
    request = QuantRequest(
        save(build_classifier(), folder / "m.onnx"), (board,), str(folder), preprocess=ImageFlags(), name="m"
    )
    source = open_source(request)
    material = choose_material(request, source)
    blank = Evaluation(source.task, material.evaluation, None, ())
    results = run_all(open_float(source.graph), blank, lambda _: None)
    tensors = families.tensors_to_calibrate(FAMILIES, source.graph)
    return Maker(
        graph=source.graph,
        statistics=collect(source.graph, tensors, lambda: (item.tensors for item in material.calibration)),
        calibration=material.calibration,
        evaluation=Evaluation(source.task, material.evaluation, None, results),
        method="auto",
        budget=BUDGET,
        aims={
            family: Aim(board.name, modelled(source.graph, board, family), "fp32", "knee", 0.0, 0.97)
            for family in FAMILIES
        },
        progress=silent,
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_is_made_measured_and_given_its_golden_outputs(maker, family):
    made = maker.make(family)
    assert (made.family, made.returned, made.accuracy.agreement) == (family, (), 1.0)
    assert (" for " in made.ranges) == (family in FORMS)
    assert made.golden.arrays["input:x"].shape[1:] == (1, 3, 24, 32)
    assert maker.make(family).model == made.model


def test_ranges_are_chosen_as_told(maker):
    told = {method: replace(maker, method=method).make("x86-int8").ranges for method in ("mse", "minmax", "entropy")}
    assert told == {"mse": "mse", "minmax": "minmax", "entropy": "entropy"}


def test_the_float_model_has_nothing_to_be_measured_against(maker):
    made = maker.make("fp32")
    assert (made.accuracy, made.returned, made.golden.min_snr_db) == (None, (), 60.0)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="elsewhere arm-int8 is measured itself")
def test_a_file_that_computes_something_else_than_was_measured_is_a_gate(maker):
    made = maker.make("arm-int8")
    maker._check_file("arm-int8", made.model, made.golden)
    measured = {**made.golden.arrays, "output:y": made.golden.arrays["output:y"] + 9}
    with pytest.raises(GateError) as caught:
        maker._check_file("arm-int8", made.model, replace(made.golden, arrays=measured))
    wanted = f"arm-int8: expected the file at {made.golden.min_snr_db:g} dB of what was measured, got "
    assert str(caught.value).startswith(wanted)
