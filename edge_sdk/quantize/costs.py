"""What a model takes on a board, by a model of the board: each operator in float and in integers, and each conversion.

    time = multiply-accumulates / (rate of the precision x efficiency of the kernel)
         + bytes that it reads and writes / rate of the memory + a constant an operator

- The rates are the profile's (`speed`); where it has none, the CPU's features and clock give the ratio of float to
  int8, and times are told in percent of the float model's.
- A value passes from float to integers and back at the border of an island of float layers, which neighbours share.
- Pure: no clock; the same graph and profile give the same times.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from edge_sdk.profiles import DeviceProfile, Family, Speed
from edge_sdk.quantize import families
from edge_sdk.quantize.emit import FORMS
from edge_sdk.quantize.graph import Graph, Node
from edge_sdk.quantize.kernels import FLOAT_EFFICIENCY, INTEGER_EFFICIENCY, float_kernel, integer_kernel
from edge_sdk.quantize.substitutes import BITS, WITHOUT_RANGES, Kind, kind_of, substituted_layers

Unit = Literal["ms", "% of float"]

_FLOAT_BYTES, _HALF_BYTES, _INTEGER_BYTES = 4, 2, 1
_CONVERT_MACS = 4
"""Multiply-accumulates of float32 that rounding one value to int8, or scaling it back, is worth."""
_CURVES = frozenset(
    {"Sigmoid", "Tanh", "Exp", "Erf", "Softmax", "HardSwish", "Gelu", "Elu", "Selu", "Mish", "Softplus"}
)
_CURVE_MACS = 12
"""What one value of a curve is worth; in integers it is a look-up, worth a conversion."""
_FREE = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Constant", "Shape", "Dropout"})
_CLAMPS = frozenset({"Relu", "Clip"})
_BY_FEATURE: Mapping[str, tuple[float, float, float]] = {
    "i8mm": (2.6, 10.0, 3.0),
    "vnni": (8.0, 14.0, 10.0),
    "dotprod": (2.9, 5.8, 3.0),
    "avx2": (8.0, 5.0, 10.0),
    "neon": (1.7, 2.3, 1.0),
}
"""By the feature that picks the kernels, the best first: multiply-accumulates of a thread in a cycle in float32 and in
int8, and bytes of memory in a cycle; from the boards whose times are published, and for x86 from benchmarks/."""
_GPU = Speed(fp32_gmacs_per_s=1380, fp16_gmacs_per_s=3030, int8_gmacs_per_s=5260, memory_gb_per_s=70, operator_us=10)
"""Stands for a GPU of which nothing is known: its ratios are those of an Orin NX."""


@dataclass(frozen=True, slots=True)
class OperatorCost:
    """What one operator takes.

    Attributes:
        exact: In the precision that the board's float variant has.
        quantized: In the precision of the family; the same where it has no such kernel.
    """

    exact: float
    quantized: float


@dataclass(frozen=True, slots=True)
class Costs:
    """What a model takes on a board, operator by operator.

    Attributes:
        operators: Cost by the operator's name.
        quantize: What it takes to bring a float tensor into the family's precision, by the tensor's name.
        dequantize: What it takes to bring it back.
        exact: Time of the board's float variant.
        unit: What times are told in.
        basis: Where the figures come from, for people.
    """

    operators: Mapping[str, OperatorCost]
    quantize: Mapping[str, float]
    dequantize: Mapping[str, float]
    exact: float
    unit: Unit
    basis: str

    def of(self, graph: Graph, family: Family, excluded: Collection[str] = ()) -> float:
        """Return the time of a family's variant with the excluded layers in float."""
        borders = _borders(graph, family, excluded)
        total = 0.0
        for node in graph.nodes:
            if node.name not in borders.absorbed:
                cost = self.operators[node.name]
                total += cost.quantized if node.name in borders.integer else cost.exact
        return total + sum(self.quantize[t] for t in borders.enter) + sum(self.dequantize[t] for t in borders.leave)


@dataclass(frozen=True, slots=True)
class _Borders:
    integer: Collection[str]
    absorbed: Collection[str]
    enter: Collection[str]
    leave: Collection[str]


def _borders(graph: Graph, family: Family, excluded: Collection[str]) -> _Borders:
    """Return what is computed in the family's precision, and the tensors that pass its borders."""
    if family in WITHOUT_RANGES:
        replaced = {node.name for node in substituted_layers(family, graph)}
        return _Borders(replaced.difference(excluded), (), (), ())
    if family not in FORMS:
        inside = frozenset(node.name for node in graph.nodes).difference(excluded if family != "fp32" else ())
        return _Borders(inside, (), *_crossing(graph, inside, [t for node in graph.nodes for t in node.output]))
    placement = families.place(family, graph, list(excluded))
    if placement.readers:  # TensorRT carries a pair on over what has no weights, and fuses it with what stands before
        inside = _carried(graph, placement.layers)
        return _Borders(inside, (), *_crossing(graph, inside, placement.tensors))
    absorbed = {graph.producer[name].name for name in placement.absorbed}
    recurrent = {node.name for node in substituted_layers(family, graph)}.difference(excluded)
    return _Borders(
        placement.integer | recurrent, absorbed, *_crossing(graph, placement.integer | absorbed, placement.tensors)
    )


def _carried(graph: Graph, layers: Collection[str]) -> frozenset[str]:
    """Return the int8 layers, and the operators without weights that take what such operators make."""
    inside = set(layers)
    for node in graph.nodes:
        makers = [graph.producer.get(name) for name in graph.activations(node)]
        if not graph.macs(node) and any(maker is not None and maker.name in inside for maker in makers):
            inside.add(node.name)
    return frozenset(inside)


def _crossing(graph: Graph, inside: Collection[str], tensors: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the tensors that operators inside read from without, and those that operators without read from inside."""
    enter, leave = [], []
    for name in dict.fromkeys(tensors):
        if not name or not graph.is_float(name):
            continue
        maker = graph.producer.get(name)
        readers = [node.name in inside for node in graph.consumers[name]]
        if maker is not None and maker.name in inside:
            if not all(readers) or name in graph.outputs:
                leave.append(name)
        elif any(readers):
            enter.append(name)
    return enter, leave


def modelled(graph: Graph, profile: DeviceProfile, family: Family, float_graph: Graph | None = None) -> Costs:
    """Return what a model takes on a board by the model of the board.

    Args:
        graph: A cleaned float graph.
        profile: The board.
        family: The family whose variants are to be timed.
        float_graph: What the board's float variant is made of, if that is another graph.
    """
    board = _Board(profile)
    exact: Literal["fp32", "fp16"] = "fp16" if family in FORMS and "fp16" in profile.families else "fp32"
    operators = {
        node.name: OperatorCost(board.floating(graph, node, exact), board.reduced(graph, node, family))
        for node in graph.nodes
    }
    alone = graph if float_graph is None else float_graph
    total = sum(board.floating(alone, node, exact) for node in alone.nodes)
    scale = 1e3 if profile.speed is not None else 100.0 / max(total, 1e-12)
    names = [name for name in graph.shapes if name not in graph.constants]
    convert = {name: scale * board.conversion(graph, name) for name in names}
    unknown = {name: 0.0 for node in graph.nodes for name in node.output} | dict.fromkeys(graph.inputs, 0.0)
    scaled = {name: OperatorCost(scale * cost.exact, scale * cost.quantized) for name, cost in operators.items()}
    return Costs(
        operators=scaled,
        quantize={**unknown, **convert},
        dequantize={**unknown, **convert},
        exact=scale * total,
        unit="ms" if profile.speed else "% of float",
        basis=board.basis,
    )


def gain_of(graph: Graph, profile: DeviceProfile, family: Family) -> float:
    """Return how many times as fast as its float variant a board computes a family, all layers quantized."""
    costs = modelled(graph, profile, family)
    time = costs.of(graph, family)
    return costs.exact / time if time > 0 else 1.0


class _Board:
    """The rates of one board, in multiply-accumulates and bytes a second."""

    def __init__(self, profile: DeviceProfile) -> None:
        speed = profile.speed or _generic(profile)
        engines = 1 if profile.gpu is not None else profile.threads.intra_op or profile.cpu.cores
        self.profile = profile
        self.macs = {
            _FLOAT_BYTES: engines * 1e9 * speed.fp32_gmacs_per_s,
            _HALF_BYTES: engines * 1e9 * (speed.fp16_gmacs_per_s or speed.fp32_gmacs_per_s),
            _INTEGER_BYTES: engines * 1e9 * (speed.int8_gmacs_per_s or speed.fp32_gmacs_per_s),
        }
        self.memory = 1e9 * speed.memory_gb_per_s
        self.start_s = 1e-6 * speed.operator_us
        told = "the figures of its profile" if profile.speed else "its CPU's features and clock"
        self.basis = f"modelled for {profile.name} from {told}; nothing was run there"

    def floating(self, graph: Graph, node: Node, precision: Literal["fp32", "fp16"]) -> float:
        """Return the seconds of an operator in float."""
        width = _FLOAT_BYTES if precision == "fp32" else _HALF_BYTES
        if node.op_type in _FREE or _is_fused(graph, node):
            return 0.0
        efficiency = FLOAT_EFFICIENCY[float_kernel(graph, node)]
        curve = _CURVE_MACS * graph.elements(node.output[0]) if node.op_type in _CURVES else 0
        work = (graph.macs(node) / efficiency + curve) / self.macs[width]
        return work + self._moved(graph, node, width) + self.start_s

    def reduced(self, graph: Graph, node: Node, family: Family) -> float:
        """Return the seconds of an operator in the precision of a family."""
        kind = kind_of(family, graph, node)
        if kind is not None:
            return self._replaced(graph, node, kind, BITS.get(family, 8))
        if family not in FORMS:
            return self.floating(graph, node, "fp16" if family == "fp16" else "fp32")
        if node.op_type in _FREE or _is_fused(graph, node):
            return 0.0
        efficiency = INTEGER_EFFICIENCY[integer_kernel(graph, node, self.profile)]
        rounded = _CONVERT_MACS * graph.elements(node.output[0]) / self.macs[_FLOAT_BYTES]
        work = graph.macs(node) / efficiency / self.macs[_INTEGER_BYTES] + rounded
        return work + self._moved(graph, node, _INTEGER_BYTES) + self.start_s

    def _replaced(self, graph: Graph, node: Node, kind: Kind, bits: int) -> float:
        """Return the seconds of a layer whose ranges are those of each inference, or whose weights alone are small."""
        weights = sum(graph.elements(name) for name in node.input if name in graph.constants)
        values = sum(graph.elements(name) for name in (*node.input, *node.output) if name) - weights
        integers = kind in {"dynamic", "lstm"}
        rounded = _CONVERT_MACS * values / self.macs[_FLOAT_BYTES] if integers else 0.0
        work = graph.macs(node) / self.macs[_INTEGER_BYTES if integers else _FLOAT_BYTES] + rounded
        stored = _FLOAT_BYTES if kind == "stored" else bits / 8  # what is stored is unpacked before it is read
        return work + (weights * stored + values * _FLOAT_BYTES) / self.memory + self.start_s

    def conversion(self, graph: Graph, tensor: str) -> float:
        """Return the seconds of one conversion of a tensor, with the change of its layout."""
        values = graph.elements(tensor)
        work = _CONVERT_MACS * values / self.macs[_FLOAT_BYTES]
        return work + values * (_FLOAT_BYTES + _INTEGER_BYTES) / self.memory + self.start_s

    def _moved(self, graph: Graph, node: Node, width: int) -> float:
        values = sum(graph.elements(name) for name in dict.fromkeys([*node.input, *node.output]) if name)
        return values * width / self.memory


def _is_fused(graph: Graph, node: Node) -> bool:
    """Tell whether a ReLU or Clip vanishes into the float convolution before it."""
    maker = graph.producer.get(node.input[0]) if node.op_type in _CLAMPS else None
    return maker is not None and maker.op_type == "Conv" and len(graph.consumers[node.input[0]]) == 1


def _generic(profile: DeviceProfile) -> Speed:
    """Return the speed of a board that tells none."""
    if profile.gpu is not None:
        return _GPU
    ghz = profile.cpu.clock_mhz / 1e3
    known = (rates for feature, rates in _BY_FEATURE.items() if feature in profile.cpu.features)
    exact, integer, moved = next(known, _BY_FEATURE["neon"])
    return Speed(fp32_gmacs_per_s=exact * ghz, int8_gmacs_per_s=integer * ghz, memory_gb_per_s=moved * ghz)
