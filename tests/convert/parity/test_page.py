from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_sdk.convert.parity import ParityReport, Tolerance, parity_page
from edge_sdk.convert.parity.graph import Layer
from edge_sdk.convert.parity.layers import ALL_AT_ONCE
from edge_sdk.convert.parity.numbers import compare_arrays
from edge_sdk.convert.parity.report import LayerDifference, Layers, Row, Subject, TaskAgreement

LAYER = Layer("t<1>", "conv", "Conv", "pads=[1, 1]")


def difference(error, name="y"):
    return compare_arrays(name, [np.float64([1, 2])], [np.float64([1, 2 + error])])


def report(*rows):
    subject = Subject("", "0" * 64, "4 samples of <data>", "1" * 64, "reference", "", Tolerance())
    return ParityReport("m<.onnx", "0" * 64, ("x86_64", "avx2"), 0, (subject,), rows, "0.1.0")


def test_the_verdict_names_engine_output_and_first_operator():
    layers = Layers(ALL_AT_ONCE, LAYER, "", (LayerDifference(LAYER, difference(0.5, "t<1>")),))
    bad = Row("", "opencv", "ran", "", {"opencv": "5"}, (difference(0.5),), {"y": "too far"}, layers=layers)
    page = parity_page(report(bad))
    assert "DIVERGES" in page
    assert "<strong>opencv</strong>: <code>y</code>: too far; first at <code>Conv conv (pads=[1, 1])" in page
    assert "0 of 1 engines that ran agree with reference" in page
    assert "✗ 2.5e-01" in page


def test_what_comes_from_outside_is_escaped_and_nothing_is_loaded():
    refused = Row("", "ncnn", "refused", "no <operator>", {})
    page = parity_page(report(refused))
    assert "NOTHING COMPARED" in page
    assert "no &lt;operator&gt;" in page
    assert "m&lt;.onnx" in page
    assert "&lt;data&gt;" in page
    assert not {"<script", "http://", "https://"} & {
        word for word in ("<script", "http://", "https://") if word in page
    }


def test_heat_goes_by_decades_and_answers_have_a_table():
    told = TaskAgreement("classification", 0.75, 1, 4)
    rows = [
        Row("", f"e{i}", "ran", "", {}, (difference(error),), agreement=told) for i, error in enumerate((0, 2e-4, 2))
    ]
    page = parity_page(report(*rows))
    assert [f"var(--bad) {heat}%" in page for heat in (0, 35, 70)] == [True, True, True]
    assert "<td>75.00%</td><td>1 of 4</td>" in page
    assert "AGREES" in page


def test_another_shape_and_nan_are_words():
    wrong = replace(difference(0), comparable=False, told="expected the shape [2], got [3]")
    page = parity_page(report(Row("", "mnn", "ran", "", {}, (wrong, replace(difference(0, "z"), not_finite=2)))))
    assert "✗ other shape" in page
    assert "✗ NaN" in page
