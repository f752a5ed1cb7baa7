"""Which way of quantizing a model calls for: a pure rule of its graph and the board, and the reason in words.

The rules, in this order; each figure is a share of the model's multiply-accumulates:

1. Half of it in LSTM: `dynamic`. onnxruntime has an integer LSTM, which takes the ranges of each inference.
2. Half of it in recurrent layers: `dynamic`. GRU and RNN have no integer kernel: their weights are stored in 8 bits.
3. Half of it in convolutions: `static`. Ranges of each inference take three times as long there (ConvInteger).
4. Matrices beyond any cache, each weight used for a few rows only: `weight-int8`, or `weight-int4` where 8 bits do not
   fit the board's budget: reading the weights is what takes time. `dynamic` where the CPU has no kernel for blocks.
5. Half of the products' work between operators that stay float (attention, normalisations, Gelu): `dynamic`. Calibrated
   ranges would not keep integers from one product to the next, and those of each inference lose less.
6. All else: `static`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edge_sdk.profiles import DeviceProfile, Family
from edge_sdk.quantize.blockwise import BLOCK_KERNELS
from edge_sdk.quantize.graph import RECURRENT_OPS, Graph, Node
from edge_sdk.quantize.placement import place_cpu
from edge_sdk.quantize.products import is_dynamic_lstm, product_of

Scheme = Literal["static", "dynamic", "weight-int8", "weight-int4"]
"""A way of quantizing: with calibrated ranges, with those of each inference, or the weights alone."""
FAMILY_OF: dict[Scheme, Family] = {
    "dynamic": "dynamic-int8",
    "weight-int8": "weight-int8",
    "weight-int4": "weight-int4",
}
"""The family of a scheme; `static` has one for each kind of board."""

_CAUTIONS: Mapping[Scheme, str] = {
    "dynamic": "this CPU has no dot products of integers, so the file becomes a quarter, and time is saved only where "
    "reading the weights takes it",
    "weight-int4": "this CPU has no dot products of integers, so it takes several times the instructions of float",
}
"""What to tell of a scheme where the CPU has no dot products of integers (measured on emulated cores)."""
_MOST = 0.5
_FEW_ROWS = 8.0
_LARGE_BYTES = 32 * 1024 * 1024
_FLOAT_BYTES = 4
_CHANNEL_BYTES, _BLOCK_BYTES = 1.0, 1.125
"""Bytes of a weight of 8 bits, with its share of the scale of a channel or a block."""


@dataclass(frozen=True, slots=True)
class Work:
    """Where the work of a model is.

    Attributes:
        macs: Multiply-accumulates of one inference.
        convolutions: Share of them in convolutions, 0 to 1.
        lstm: Share in LSTM that have an integer kernel.
        recurrent: Share in other recurrent layers.
        products: Share in products with constant matrices.
        alone: Share in those of them that stand between operators in float.
        matrix_weights: Number of weights in those matrices.
    """

    macs: int
    convolutions: float
    lstm: float
    recurrent: float
    products: float
    alone: float
    matrix_weights: int

    @property
    def rows(self) -> float:
        """How many rows a weight of a matrix is used for in one inference."""
        return self.products * self.macs / self.matrix_weights if self.matrix_weights else 0.0


def work_of(graph: Graph) -> Work:
    """Return where the work of a cleaned graph is."""
    total = sum(graph.macs(node) for node in graph.nodes)
    products = [node for node in graph.nodes if product_of(graph, node) is not None]
    lstm = [node for node in graph.nodes if is_dynamic_lstm(graph, node)]
    integer = place_cpu(graph).integer

    def share(nodes: list[Node]) -> float:
        return sum(graph.macs(node) for node in nodes) / total if total else 0.0

    return Work(
        macs=total,
        convolutions=share([node for node in graph.nodes if node.op_type in {"Conv", "ConvTranspose"}]),
        lstm=share(lstm),
        recurrent=share([node for node in graph.nodes if node.op_type in RECURRENT_OPS and node not in lstm]),
        products=share(products),
        alone=share([node for node in products if _stands_alone(graph, node, integer)]),
        matrix_weights=sum(graph.elements(node.input[1]) for node in products),
    )


def choose_scheme(work: Work, profile: DeviceProfile) -> tuple[Scheme, str]:
    """Return the scheme that a model calls for on a board, and why."""
    scheme, reason = _by_rules(work, profile)
    caution = _CAUTIONS.get(scheme, "") if profile.cpu.features.isdisjoint(BLOCK_KERNELS) else ""
    return scheme, f"{reason}; {caution}" if caution else reason


def _by_rules(work: Work, profile: DeviceProfile) -> tuple[Scheme, str]:
    if work.lstm >= _MOST:
        return "dynamic", f"{work.lstm:.0%} of the work is in LSTM, whose integer kernel takes ranges of each inference"
    if work.lstm + work.recurrent >= _MOST:
        return "dynamic", (
            f"{work.recurrent:.0%} of the work is in recurrent layers without an integer kernel (GRU, RNN): "
            "their weights are stored in 8 bits, and they are as fast as in float"
        )
    if work.convolutions >= _MOST:
        return "static", f"{work.convolutions:.0%} of the work is in convolutions"
    if work.products >= _MOST and work.rows <= _FEW_ROWS and work.matrix_weights * _FLOAT_BYTES >= _LARGE_BYTES:
        return _for_memory(work, profile)
    if work.products > 0 and work.alone >= _MOST * work.products:
        return "dynamic", (
            f"{work.alone / work.products:.0%} of the work of its products stands between operators in float "
            "(attention, normalisation): ranges of each inference lose less there"
        )
    return "static", "calibrated ranges keep integers from one layer to the next"


def _for_memory(work: Work, profile: DeviceProfile) -> tuple[Scheme, str]:
    size_mb = work.matrix_weights * _FLOAT_BYTES / 1e6
    reading = f"its matrices of {size_mb:.0f} MB are read for {work.rows:.0f} row(s) each: reading them takes the time"
    slow = profile.cpu.features.isdisjoint(BLOCK_KERNELS)
    if work.matrix_weights * (_CHANNEL_BYTES if slow else _BLOCK_BYTES) > profile.budget.model_bytes:
        return "weight-int4", f"{reading}, and 8 bits do not fit {profile.budget.model_bytes} bytes"
    if slow:
        return "dynamic", f"{reading}, and this CPU has no kernel for 8 bits in blocks"
    return "weight-int8", reading


def _stands_alone(graph: Graph, node: Node, integer: frozenset[str]) -> bool:
    """Tell whether the rows of a product are made by an operator in float, or by attention."""
    maker = graph.producer.get(node.input[0])
    while maker is not None and maker.op_type in {"Reshape", "Transpose", "Relu", "Clip"}:
        maker = graph.producer.get(maker.input[0])
    if maker is None:
        return False
    attends = maker.op_type == "MatMul" and maker.input[1] not in graph.constants
    return attends or maker.name not in integer
