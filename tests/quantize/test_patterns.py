"""Patterns of ONNX graphs (tests/cases/quantize/patterns) through cleaning, placement, emission and preview.

A case is a model as ONNX text, the values of those of its weights that are not random, and the plan: which kernels a
Raspberry Pi 5 runs, how many Q/DQ remain, which operators are float islands and why.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import onnx
import pytest

from edge_sdk.quantize import families
from edge_sdk.quantize.preview import preview_bytes
from edge_sdk.tensors import snr_db
from tests.quantize.models import (
    AS_WRITTEN,
    PI,
    build,
    calibrated,
    clean,
    entries_of,
    load_cases,
    run,
    samples,
    text_of,
)

PATTERNS = load_cases("patterns")
LEAST_SNR_DB = {"arm-int8": 25.0, "x86-int8": 25.0, "tensorrt-int8": 25.0, "tensorrt-int8-typed": 25.0, "fp16": 50.0}
OVERHEAD = {"Transpose", "QuantizeLinear", "DequantizeLinear"}


@cache
def graph_of(name):
    case = PATTERNS[name]
    return clean(text_of(case), opset=case.get("opset", 17), **case.get("values", {}))


@cache
def variant_of(name, family):
    graph = graph_of(name)
    return families.emit(family, graph, calibrated(graph, family), "mse")


def worst_snr_db(expected, got):
    return min(snr_db(values, got[name]) for name, values in expected.items())


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_has_the_plan_of_its_case(name):
    case = PATTERNS[name]
    reasons = families.place("arm-int8", graph_of(name)).reasons
    plan = preview_bytes(variant_of(name, "arm-int8"), PI, "arm-int8", reasons)
    assert {op: count for op, count in plan.operators.items() if op not in OVERHEAD} == case["plan"]
    assert plan.pairs == case.get("pairs", plan.pairs)  # without where versions of onnxruntime differ
    assert {island.name: island.reason for island in plan.islands} == case["islands"]
    assert plan.integer_share == pytest.approx(case["share"], abs=0.001)


@pytest.mark.parametrize("family", LEAST_SNR_DB)
@pytest.mark.parametrize("name", PATTERNS)
def test_a_variant_of_a_pattern_is_valid_and_near_the_float_model(name, family):
    graph, variant = graph_of(name), variant_of(name, family)
    onnx.checker.check_model(onnx.load_from_string(variant), full_check=True)
    sample = samples(graph)[0]
    got = run(variant, sample, entries_of(family))
    assert worst_snr_db(run(graph.model, sample), got) > LEAST_SNR_DB[family]


@pytest.mark.parametrize("name", PATTERNS)
def test_integer_kernels_compute_what_is_written(name):
    sample = samples(graph_of(name))[0]
    written = run(variant_of(name, "arm-int8"), sample, AS_WRITTEN)
    assert worst_snr_db(written, run(variant_of(name, "arm-int8"), sample)) > 32


@pytest.mark.parametrize("name", PATTERNS)
def test_the_variant_for_x86_has_the_steps_of_the_one_for_arm(name):
    sample = samples(graph_of(name))[0]
    arm, x86 = (run(variant_of(name, family), sample, AS_WRITTEN) for family in ("arm-int8", "x86-int8"))
    for output, values in arm.items():
        np.testing.assert_array_equal(x86[output], values)


@pytest.mark.parametrize("name", PATTERNS)
def test_what_is_cleaned_and_rewritten_computes_the_same(name):
    case = PATTERNS[name]
    model, graph = build(text_of(case), opset=case.get("opset", 17), **case.get("values", {})), graph_of(name)
    sample = samples(graph)[0]
    assert worst_snr_db(run(model, sample), run(graph.model, sample)) > 100
