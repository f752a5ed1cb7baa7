"""Products whose weights are stored in blocks of 4 or 8 bits, for onnxruntime's MatMulNBits.

- A block is 32 inputs of one output channel, with a scale of its own, symmetric around zero; the scale is the one of a
  few that rounds the block with the least squared error.
- The rows stay float in the file. The kernel rounds them to int8, a block at a time, where the processor has one
  (`accuracy_level` 4), and computes in float where it has not.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.graph import Node
from edge_sdk.quantize.products import Product
from edge_sdk.quantize.replace import CONTRIB, Replacement, part_of

Bits = Literal[4, 8]

BLOCK = 32
"""Inputs that share a scale: the smallest block for which onnxruntime has fast kernels on ARM and x86."""
INT8_ROWS = 4
"""MatMulNBits' `accuracy_level` that lets it round the rows to int8."""
BLOCK_KERNELS = frozenset({"dotprod", "i8mm", "avx2", "avx512", "vnni"})
"""CPU features of which one is needed for integer products with blocks of weights (MLAS's qnbitgemm)."""
_LEAST_SCALE = 1e-12
_SHRINKS = {4: (1.0, 0.96, 0.92, 0.88, 0.84, 0.8), 8: (1.0,)}
"""What the scale of a block is tried with: a few clipped weights may cost less than coarse steps for all."""


def blockwise_product(node: Node, product: Product, bits: Bits) -> Replacement:
    """Return a product with its weights in blocks."""
    from onnx import helper

    inputs, outputs = product.weight.shape
    packed, scales = quantize_blocks(product.weight, bits)
    names = [part_of(node.name, part) for part in ("blocks", "scales")]
    result = part_of(node.name, "product") if product.bias else node.output[0]
    facts = {"K": inputs, "N": outputs, "bits": bits, "block_size": BLOCK, "accuracy_level": INT8_ROWS}
    nodes = [helper.make_node("MatMulNBits", [product.rows, *names], [result], node.name, domain=CONTRIB, **facts)]
    if product.bias:
        nodes.append(helper.make_node("Add", [result, product.bias], list(node.output), f"{node.name}_bias"))
    return Replacement(tuple(nodes), dict(zip(names, (packed, scales), strict=True)))


def quantize_blocks(
    weight: npt.NDArray[np.float32], bits: Bits
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Round weights to blocks, as MatMulNBits reads them.

    Args:
        weight: The matrix [inputs, outputs].
        bits: Bits of a stored weight.

    Returns:
        The blocks, uint8 [outputs, blocks, bytes of a block], two weights a byte at 4 bits, the first in the lower
        half; and the scales, float32 [outputs * blocks].
    """
    inputs, outputs = weight.shape
    count = -(-inputs // BLOCK)
    blocks = np.zeros((outputs, count * BLOCK), np.float32)
    blocks[:, :inputs] = weight.T
    blocks = blocks.reshape(outputs, count, BLOCK)
    scales = _best_scales(blocks, bits)
    middle = 1 << (bits - 1)
    stored = (_rounded(blocks, scales, middle) + middle).astype(np.uint8)
    return stored if bits == 8 else _in_pairs(stored), scales.reshape(-1)


def _in_pairs(stored: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return 4-bit integers two a byte, the first in the lower half."""
    return np.bitwise_or(stored[..., 0::2], np.left_shift(stored[..., 1::2], np.uint8(4)))


def _best_scales(blocks: npt.NDArray[np.float32], bits: Bits) -> npt.NDArray[np.float32]:
    """Return the scale of each block, [outputs, blocks, 1], among those that are tried.

    The integers reach one step further below zero than above: a negative scale lets a block use it for its greatest.
    """
    middle = 1 << (bits - 1)
    place = np.abs(blocks).argmax(axis=2, keepdims=True)
    extreme = np.take_along_axis(blocks, place, axis=2)
    best = np.full(extreme.shape, _LEAST_SCALE, np.float32)
    least = np.full(extreme.shape, np.inf, np.float32)
    for whole in (extreme / -middle, np.abs(extreme) / (middle - 1)):
        for shrink in _SHRINKS[bits]:
            scales = np.where(np.abs(whole) > _LEAST_SCALE, whole * np.float32(shrink), np.float32(_LEAST_SCALE))
            error = np.square(_rounded(blocks, scales, middle) * scales - blocks).sum(axis=2, keepdims=True)
            best, least = np.where(error < least, scales, best), np.minimum(error, least)
    return best


def _rounded(blocks: npt.NDArray[np.float32], scales: npt.NDArray[np.float32], middle: int) -> npt.NDArray[np.float32]:
    return np.asarray(np.clip(np.rint(blocks / scales), -middle, middle - 1), np.float32)
