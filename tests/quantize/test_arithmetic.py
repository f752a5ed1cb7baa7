"""A report says with which arithmetic it was measured, and with which each board computes."""

from __future__ import annotations

import pytest

from edge_sdk.profiles import load_profile
from edge_sdk.quantize.arithmetic import arithmetic_lines, kernels_of, tell_arithmetic
from edge_sdk.quantize.spot_check import LayerCheck

CHECKS = (LayerCheck("stem", "Conv 3x3", 100, 0.5), LayerCheck("head", "Gemm", 10, 0.31))


@pytest.mark.parametrize(
    ("board", "words"),
    [
        ("raspberry-pi-zero-2-w", "SMLAL"),
        ("raspberry-pi-4b", "SMLAL"),
        ("raspberry-pi-5", "SDOT"),
        ("jetson-agx-thor", "SMMLA"),
        ("x86-64-vnni", "VPDPBUSD"),
        ("x86-64-avx2", "x64quantprecision"),
    ],
)
def test_a_board_has_the_arithmetic_of_its_processor(board, words):
    cpu = load_profile(board).cpu
    assert words in kernels_of(cpu.arch, cpu.features)


def test_what_was_measured_and_why_it_holds_is_told():
    told = tell_arithmetic("arm-int8", [load_profile("raspberry-pi-5")], CHECKS)
    here, board, because = arithmetic_lines(told)
    assert here.startswith("measured on ") and board.startswith("raspberry-pi-5: int8 products")
    assert "exact on both" in because and "at most 0.50 away" in because and told.layers == CHECKS


def test_tensorrt_is_measured_in_float_and_float_has_no_integer_arithmetic():
    board = load_profile("jetson-orin-nano")
    assert "float32" in tell_arithmetic("tensorrt-int8", [board], ()).host
    assert tell_arithmetic("fp16", [board], ()) is tell_arithmetic("fp32", [board], ()) is None
