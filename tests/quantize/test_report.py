from __future__ import annotations

import json
from dataclasses import replace

import pytest

from edge_sdk import records
from edge_sdk.package import Accuracy
from edge_sdk.quantize.board_plan import Finding, Island
from edge_sdk.quantize.guard import AccuracyBudget
from edge_sdk.quantize.report import QuantReport, report_lines, verdict
from tests.quantize.reports import REPORT

BUDGET = AccuracyBudget(max_drop_points=0.5, min_agreement=0.9, min_integer_share=0.5)
MEASURED = Accuracy("top-1", 80.0, 79.8, -0.9, 1.3, 0.98, 500)


@pytest.mark.parametrize(
    ("changes", "certified", "words"),
    [
        (
            {},
            False,
            "top-1 80.00 to 79.80, drop +0.20 points (95 % interval -0.90 to +1.30): within the budget of 0.5 points, "
            "but 500 samples are too few to certify it; about 6723 would; agrees with the float model on 98.0% of 500 "
            "samples",
        ),
        (
            {"drop_high": 0.5},
            True,
            "top-1 80.00 to 79.80, drop +0.20 points (95 % interval -0.90 to +0.50): the budget of 0.5 points is "
            "certified; agrees with the float model on 98.0% of 500 samples",
        ),
        (
            {"value": 79.2},
            False,
            "top-1 80.00 to 79.20, drop +0.80 points (95 % interval -0.90 to +1.30): 500 samples do not tell this from "
            "the budget of 0.5 points; agrees with the float model on 98.0% of 500 samples",
        ),
        (
            {"float_value": None, "value": None, "drop_low": None, "drop_high": None, "metric": ""},
            None,
            "agrees with the float model on 98.0% of 500 samples; no labels, so the loss in accuracy is not known",
        ),
    ],
)
def test_the_verdict_says_what_is_known(changes, certified, words):
    assert verdict(replace(MEASURED, **changes), BUDGET) == (certified, words)


def test_a_report_reads_back_from_its_json():
    data = json.loads(records.to_json(REPORT))
    assert records.read(QuantReport, data, where="report.json") == REPORT


def test_the_lines_tell_the_same():
    lines = report_lines(REPORT)
    assert lines[:2] == [
        "parts version 3: classification, from <b>&.onnx (4.00 MB)",
        "calibrated on 200 samples, measured on 500 (labels.csv)",
    ]
    assert "arm-int8: 1.10 MB, 27.5% of the float model" in lines
    assert "  raspberry-pi-5: 97.0% of the work in integers" in lines
    assert "  returned to float by the guard (3.0% of the work): <script>alert(1)</script>" in lines
    assert lines[-2:] == ['note: "quoted" & <i>noted</i>', "note: <place>: says <u> (<evidence>)"]


def test_the_lines_begin_with_whether_to_ship():
    assert report_lines(REPORT)[2:5] == [
        "raspberry-pi-5: SHIP WITH CARE arm-int8: Only <b>few</b>.",
        "x86-64-vnni: SHIP fp32: It is the float model itself.",
        "jetson: DO NOT SHIP x86-int8: It loses all.",
    ]


@pytest.mark.parametrize(("share", "told"), [(0.9899, True), (0.99, False), (0.0, False)])
def test_operators_in_float_are_named_where_less_than_99_percent_is_in_integers(share, told):
    (variant, *_) = REPORT.variants
    islands = tuple(Island(name, "Conv", 0.01, inside=True, reason=why) for name, why in ("ax", "by", "cx"))
    plan = replace(variant.plans[0], integer_share=share, islands=(*islands, Island("d", "Add", 0.0, True, "x")))
    lines = report_lines(replace(REPORT, variants=(replace(variant, plans=(plan,)),)))
    expected = ["    in float (2.0% of the work): a, c: x", "    in float (1.0% of the work): b: y"]
    assert [line for line in lines if "    in float (" in line] == (expected if told else [])


def test_what_a_jetson_computes_in_float16_and_slowly_is_told():
    (variant, *_), place = REPORT.variants, Finding("no-importer", "slow", "Det: expected an importer, got none")
    plan = replace(variant.plans[0], profile="orin", half_share=0.03, findings=(place,))
    lines = report_lines(replace(REPORT, variants=(replace(variant, plans=(plan,)),)))
    shares = "97.0% of the work in integers, 3.0% in float16"
    assert f"  orin: {shares}; slow in 1 places, first Det: expected an importer, got none" in lines
