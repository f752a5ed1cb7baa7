from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnxruntime.capi import _pybind_state

from edge_sdk.quantize import families
from edge_sdk.quantize.blockwise import BLOCK, quantize_blocks
from edge_sdk.tensors import snr_db
from tests.quantize.models import run
from tests.quantize.sequences import cleaned, draw, matrices

WEIGHT = np.random.default_rng(0).standard_normal((96, 40)).astype(np.float32)
FAMILIES = {8: "weight-int8", 4: "weight-int4"}


def unpacked(packed, scales, bits, inputs):
    """Return the weights [inputs, outputs] that blocks stand for, by the text of MatMulNBits."""
    halves = np.stack([packed & 15, packed >> 4], axis=-1)
    stored = packed if bits == 8 else halves.reshape(*packed.shape[:2], BLOCK)
    real = (stored.astype(np.float32) - (1 << (bits - 1))) * scales.reshape(*packed.shape[:2], 1)
    return real.reshape(packed.shape[0], -1)[:, :inputs].T


@pytest.mark.parametrize(("bits", "least_db"), [(8, 45), (4, 20)])
def test_blocks_stand_for_the_weights(bits, least_db):
    packed, scales = quantize_blocks(WEIGHT, bits)
    assert (packed.shape, packed.dtype, scales.shape) == ((40, 3, BLOCK * bits // 8), np.uint8, (120,))
    assert snr_db(WEIGHT, unpacked(packed, scales, bits, 96)) > least_db


@pytest.mark.parametrize("bits", [4, 8])
def test_a_block_that_is_not_full_and_one_of_zeros_are_exact_where_they_can_be(bits):
    weight = np.zeros((BLOCK + 5, 2), np.float32)
    weight[BLOCK:, 1] = [-8, 7, 3, -1, 0]
    packed, scales = quantize_blocks(weight, bits)
    np.testing.assert_allclose(unpacked(packed, scales, bits, BLOCK + 5), weight, atol=0 if bits == 4 else 0.04)


@pytest.mark.parametrize(("bits", "more_db"), [(4, 0.3), (8, 0.2)])
def test_rounding_loses_less_than_that_of_onnxruntimes_own_tool(bits, more_db):
    packed, scales = np.zeros((40, 3, BLOCK * bits // 8), np.uint8), np.zeros((40, 3), np.float32)
    theirs = getattr(_pybind_state, f"quantize_matmul_{bits}bits")
    theirs(packed, WEIGHT, scales, np.zeros((40, 3), np.uint8), BLOCK, 40, 96, True)
    db = [snr_db(WEIGHT, unpacked(*one, bits, 96)) for one in (quantize_blocks(WEIGHT, bits), (packed, scales))]
    assert db[0] > db[1] + more_db


@pytest.mark.parametrize(("bits", "most", "least_db"), [(8, 0.30, 35), (4, 0.17, 15)])
def test_a_model_of_matrices_is_as_small_as_promised_and_near_the_float_one(bits, most, least_db):
    graph = cleaned(matrices(width=256))
    model = families.emit(FAMILIES[bits], graph, {}, "minmax")
    onnx.checker.check_model(onnx.load_from_string(model))
    assert len(model) / graph.model.ByteSize() < most
    for sample in draw(graph, 3):
        assert snr_db(run(graph.model, sample)["y"], run(model, sample)["y"]) > least_db
