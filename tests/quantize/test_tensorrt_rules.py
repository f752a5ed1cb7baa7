"""TensorRT's rules on cases (tests/cases/quantize/tensorrt_rules), and on what edge-sdk itself writes.

A case is a model as ONNX text with the values of its parameters, a board, and what is found by rule. The board is
jetson-orin-nano, changed by what the case says of its system, its options and its GPU.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_sdk.profiles import load_profile
from edge_sdk.quantize import families
from edge_sdk.quantize.board_plan import Finding
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.preview import preview_bytes
from edge_sdk.quantize.tensorrt_rules import RULES, check_rules
from tests.quantize.models import as_it_is, calibrated, clean, load_cases, text_of

CASES = load_cases("tensorrt_rules")
PATTERNS = load_cases("patterns")
ORIN = load_profile("jetson-orin-nano")
TYPED = ("trt_fp16_enable", "trt_int8_enable")


def board_of(case):
    profile = load_profile(case.get("board", "jetson-orin-nano"))
    first, *rest = profile.providers
    system = replace(profile.system, **case.get("system", {}))
    options = {key: value for key, value in first.options.items() if key not in TYPED} | case.get("options", {})
    gpu = replace(profile.gpu, precisions=frozenset(case.get("precisions", profile.gpu.precisions)))
    return replace(
        profile, providers=(replace(first, options=options), *rest), system=system, gpu=gpu, families=("fp32",)
    )


def found_in(model, profile):
    found = {}
    for finding in check_rules(Graph(model), profile):
        found.setdefault(finding.rule, []).append(finding.message)
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_model_breaks_the_rules_of_its_case(name):
    case = CASES[name]
    model = as_it_is(text_of(case), opset=case.get("opset", 17), **case["values"])
    model.ir_version = case.get("ir", 8)
    assert found_in(model, board_of(case)) == case["found"]


def test_each_rule_has_a_case_and_says_why_it_is_there():
    broken = {rule for case in CASES.values() for rule in case["found"]}
    assert broken == {rule.name for rule in RULES}
    assert all(rule.check.__doc__ for rule in RULES)


def test_a_finding_tells_what_happens_and_the_cure():
    case = CASES["zero_point_that_is_not_zero"]
    first, *_ = check_rules(Graph(as_it_is(text_of(case), **case["values"])), ORIN)
    message = "QuantizeLinear_0: expected zero point 0 of int8, got -128 of int8"
    assert first == Finding("zero-point", "refused", message, "quantize it for this board")


@pytest.mark.parametrize("family", ["tensorrt-int8", "tensorrt-int8-typed", "fp16"])
@pytest.mark.parametrize("name", PATTERNS)
def test_what_is_made_of_a_pattern_is_refused_nowhere(name, family):
    case = PATTERNS[name]
    graph = clean(text_of(case), opset=case.get("opset", 17), **case.get("values", {}))
    model = families.emit(family, graph, calibrated(graph, family), "mse")
    plan = preview_bytes(model, ORIN, family, {})
    assert plan.found("refused") == ()
    assert not {"idle-pair", "half-quantized", "narrow-layer"} & {finding.rule for finding in plan.found("slow")}
