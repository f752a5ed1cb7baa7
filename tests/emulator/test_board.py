"""An emulated ARM core computes with the kernels that the real one has, and its instructions are counted."""

from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.errors import UnavailableError
from edge_sdk.session import SessionConfig, open_session
from scripts.emulator.board import open_board
from tests.quantize.models import clean, quantized, samples

WEIGHTS = "float[16,16,3,3] w, float[16] b"
CONVOLUTION = f"(float[1,16,20,20] x, {WEIGHTS}) => (float[1,16,20,20] y) {{ y = Conv<pads=[1,1,1,1]>(x, w, b) }}"
PRODUCTS = 16 * 16 * 9 * 20 * 20


@pytest.fixture(scope="module")
def graph():
    return clean(CONVOLUTION)


def as_bytes(graph):
    return graph.model.SerializeToString()


def test_float_outputs_are_those_of_this_machine(board, graph):
    few = samples(graph, 2)
    here = open_session(as_bytes(graph), SessionConfig(), where="here")
    for sample, there in zip(few, board.outputs("cortex-a53", as_bytes(graph), few), strict=True):
        np.testing.assert_allclose(there["y"], here.run(sample)["y"], atol=1e-4)


def test_dot_products_are_used_where_the_core_has_them(board, graph):
    runs = [(model, samples(graph, 1)[0]) for model in (as_bytes(graph), quantized(graph))]
    (in_float, without), (again, with_dot) = board.count("cortex-a53", runs), board.count("cortex-a76", runs)
    assert in_float.float_mla == again.float_mla >= PRODUCTS / 4
    assert without.dot == 0 and without.integer_mla >= PRODUCTS / 8
    assert with_dot.dot >= PRODUCTS / 16
    assert with_dot.instructions < without.instructions < in_float.instructions
    assert in_float.instructions == pytest.approx(again.instructions, rel=0.01)


def test_a_model_that_the_board_cannot_load_is_told(board):
    with pytest.raises(UnavailableError, match=r"cortex-a53: expected a run, got .*InputError: .*can load"):
        board.outputs("cortex-a53", b"no model", [{"x": np.zeros(1, np.float32)}])


def test_without_a_board_it_says_how_to_make_one(tmp_path):
    with pytest.raises(UnavailableError, match=r"emulator: expected a board in .*, got none") as caught:
        open_board(tmp_path / "board")
    assert "scripts/emulate setup" in (caught.value.hint or "")
