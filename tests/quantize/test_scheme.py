from __future__ import annotations

import re
from dataclasses import replace

import pytest

from edge_sdk.errors import InputError
from edge_sdk.profiles import load_profile
from edge_sdk.quantize.scheme import Work, choose_scheme, work_of
from edge_sdk.quantize.variants import Choice, choose, settle
from tests.quantize.models import PI, clean
from tests.quantize.sequences import cleaned, encoder, matrices, recurrent

PI4, ORIN = load_profile("raspberry-pi-4b"), load_profile("jetson-orin-nano")
NOTHING = Work(macs=1_000_000, convolutions=0, lstm=0, recurrent=0, products=0, alone=0, matrix_weights=0)
LARGE = replace(NOTHING, macs=20_000_000, products=1.0, alone=1.0, matrix_weights=20_000_000)
CHAIN = """(float[1,64] x, float[64,64] w, float[64] b, float[64,8] w2) => (float[] y)
    { h = Gemm(x, w, b) r = Relu(h) y = MatMul(r, w2) }"""
MIXED = """(float[1,64,64] x, float[64,64,5] w, float[1,128,64] lw, float[1,128,32] lr, float[32,4] m) => (float[] y)
    { c = Conv<strides=[4]>(x, w)  r = Relu(c)  t = Transpose<perm=[2,0,1]>(r)  s, h = LSTM<hidden_size=32>(t, lw, lr)
      q = Squeeze(h)  y = MatMul(q, m) }"""


@pytest.mark.parametrize(
    ("work", "board", "scheme", "reason"),
    [
        (replace(NOTHING, lstm=0.6, convolutions=0.4), PI, "dynamic", "60% of the work is in LSTM"),
        (replace(NOTHING, recurrent=0.7, products=0.3), PI, "dynamic", "they are as fast as in float"),
        (replace(NOTHING, convolutions=0.8, lstm=0.2), PI, "static", "80% of the work is in convolutions"),
        (LARGE, PI, "weight-int8", "80 MB are read for 1 row"),
        (LARGE, PI4, "dynamic", "this CPU has no kernel for 8 bits in blocks"),
        (
            replace(LARGE, macs=160_000_000, matrix_weights=160_000_000),
            PI,
            "weight-int4",
            "8 bits do not fit 134217728",
        ),
        (replace(LARGE, macs=20_000_000 * 64), PI, "dynamic", "100% of the work of its products stands between"),
        (replace(LARGE, macs=20_000_000 * 64, alone=0.1), PI, "static", "from one layer to the next"),
        (replace(NOTHING, lstm=1.0), PI4, "dynamic", "this CPU has no dot products of integers"),
        (
            replace(LARGE, macs=160_000_000, matrix_weights=160_000_000),
            PI4,
            "weight-int4",
            "several times the instructi",
        ),
        (NOTHING, PI, "static", ""),
    ],
)
def test_the_scheme_follows_from_where_the_work_is(work, board, scheme, reason):
    chosen, told = choose_scheme(work, board)
    assert chosen == scheme
    assert reason in told


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        (cleaned(recurrent("LSTM")), "dynamic-int8"),
        (cleaned(recurrent("GRU")), "dynamic-int8"),
        (cleaned(encoder()), "dynamic-int8"),
        (clean(CHAIN), "arm-int8"),
        (clean(MIXED), "arm-int8"),
    ],
)
def test_real_graphs_get_the_family_that_is_right_for_them(graph, expected):
    assert choose(PI, graph).family == expected


def test_matrices_beyond_any_cache_are_read_in_few_bits():
    graph = cleaned(matrices(width=1700))
    work = work_of(graph)
    assert (work.products, work.rows, work.matrix_weights) == (1.0, 1.0, 3 * 1700 * 1700)
    assert [choose(board, graph).family for board in (PI, PI4)] == ["weight-int8", "dynamic-int8"]


def test_a_model_of_both_keeps_its_convolutions_static_and_its_lstm_in_integers():
    work = work_of(clean(MIXED))
    assert work.convolutions > 0.5 > work.lstm > 0.1


def test_a_board_with_a_gpu_keeps_its_own_families():
    graph = cleaned(recurrent("LSTM"))
    assert choose(ORIN, graph).family == "fp16"
    with pytest.raises(InputError, match=r"^jetson-orin-nano: expected a board that runs dynamic-int8, got tensorrt"):
        choose(ORIN, graph, "dynamic")


@pytest.mark.parametrize(
    ("scheme", "family"),
    [
        ("static", "arm-int8"),
        ("dynamic", "dynamic-int8"),
        ("weight-int8", "weight-int8"),
        ("weight-int4", "weight-int4"),
    ],
)
def test_a_scheme_that_is_asked_for_is_taken(scheme, family):
    assert choose(PI, clean(CHAIN), scheme).family == family


def test_each_board_is_told_what_it_will_take_of_the_package():
    graph = cleaned(matrices(width=1700))
    settled = settle((PI, PI4), graph)
    assert {name: choice.family for name, choice in settled.items()} == {
        "raspberry-pi-5": "weight-int8",
        "raspberry-pi-4b": "dynamic-int8",
    }
    small = replace(PI4, name="small", budget=replace(PI4.budget, model_bytes=8_000_000))
    settled = settle((PI, small), graph)
    assert settled["raspberry-pi-5"] == Choice("weight-int4", "another board of the package needs it")


def test_a_board_with_tensorrt_gets_float16_where_almost_nothing_would_be_int8():
    text = """(float[1,3,64,64] x, float[64,3,3,3] w, float[16,64,1,1] w2) => (float[] y)
        { c = Conv<strides=[2,2]>(x, w) p = MaxPool<kernel_shape=[8,8], strides=[8,8]>(c) y = Conv(p, w2) }"""
    chosen = choose(ORIN, clean(text))
    assert chosen.family == "fp16"
    assert re.fullmatch(r"only \d\.\d% of the work would be int8", chosen.reason)
