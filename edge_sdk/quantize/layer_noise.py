"""The noise that each layer of a variant adds, and the noise that has gathered there, of all layers from one run.

Beside each layer of the variant stands its float form, which reads what the variant's layer reads: what the two differ
by is what this layer adds. Against the float model's own run it is the noise that has gathered there.

- On onnxruntime a layer's own rounding is that of its weights and of its results; on TensorRT, whose pairs stand before
  a layer, that of its weights and of what it reads.
- Integers leave the graph as they are: its kernels stay those that were measured.
- Memory and time are bounded: layers go in groups, and what is beyond the last group, of the least work, is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge_sdk.quantize.calibrate import with_outputs
from edge_sdk.quantize.graph import Graph, Model, Node, is_dequantized
from edge_sdk.quantize.ranges import Range
from edge_sdk.session import Session, host_config, open_session
from edge_sdk.tensors import SAME_DB, Array, Tensors

_GROUP_BYTES = 64 << 20
_MOST_GROUPS = 8
_FLOAT_BYTES = 4
_CLAMPS = frozenset({"Relu", "Clip"})


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise at the results of a layer, each as the ratio of the signal to it, in dB, at most 200.

    Attributes:
        added_db: What the layer adds itself.
        gathered_db: What has gathered there.
    """

    added_db: float
    gathered_db: float


@dataclass(frozen=True, slots=True)
class Twin:
    """A layer of the float model, and the same in the variant.

    Attributes:
        node: The layer in float.
        result: Its results in float, behind the clamp that is a part of the variant's layer.
        clamp: That clamp; None where there is none.
        other: The layer in the variant.
        stored: The variant's results: integers where they are, else real numbers.
        pair: The QuantizeLinear of the range that the layer's own rounding is of; None where it has none.
        of: Whether that is the range of its `results` or `inputs`; empty where there is none.
        source: The tensor of the variant that the layer reads before any rounding of its own.
    """

    node: Node
    result: str
    clamp: Node | None
    other: Node
    stored: str
    pair: Node | None
    of: str
    source: str

    def range_in(self, variant: Graph) -> Range | None:
        """Return what the steps of the range cover."""
        if self.pair is None:
            return None
        scale, zero = (variant.constants[name] for name in self.pair.input[1:3])
        low, high = (float((end - float(zero)) * float(scale)) for end in _ends(zero))
        return low, high


def find_twin(graph: Graph, variant: Graph, node: Node, *, pairs_before: bool) -> Twin | None:
    """Return a layer with the same in the variant; None if it has none of this name.

    Args:
        graph: The float graph.
        variant: What was emitted of it.
        node: The layer in the float graph.
        pairs_before: Whether Q/DQ pairs belong to the layers that read them, as on TensorRT.
    """
    other = next((one for one in variant.nodes if one.name == node.name), None)
    if other is None or not node.output[0]:
        return None
    behind = None if pairs_before else _quantizer_behind(variant, other)
    before = _quantizer_before(variant, other)
    pair, of = (behind, "results") if behind is not None else (before, "inputs") if before is not None else (None, "")
    clamp = _clamp_within(graph, variant, node)
    is_product = node.op_type == "Conv" and other.op_type == "Gemm"  # see `edge_sdk.quantize.ends`
    read, given = _maps_around(variant, other) if is_product else (other.input[0], other.output[0])
    return Twin(
        node=node,
        result=clamp.output[0] if clamp is not None else node.output[0],
        clamp=clamp,
        other=other,
        stored=given if behind is None else behind.output[0],
        pair=pair,
        of=of,
        source=before.input[0] if pairs_before and before is not None else read,
    )


def is_float_in(variant: Graph, twin: Twin) -> bool:
    """Tell whether a layer of the variant reads and multiplies real numbers only."""
    reads = [name for name in twin.other.input[:2] if name]
    return bool(twin.other.op_type == twin.node.op_type) and not any(is_dequantized(variant, name) for name in reads)


def measure_noise(
    graph: Graph,
    variant: Graph,
    twins: Sequence[Twin],
    samples: Sequence[Tensors],
    open_variant: Callable[[bytes], Session],
) -> dict[str, Noise]:
    """Return the noise of layers by their names.

    Args:
        graph: The float graph.
        variant: What was emitted of it.
        twins: The layers.
        samples: A few inputs of the model.
        open_variant: Opens a form of the variant as the variant was measured.
    """
    found: dict[str, Noise] = {}
    for group in _groups(graph, twins):
        doubled = open_variant(_with_float_forms(graph, variant, group))
        exact = open_session(
            with_outputs(graph.model, [twin.result for twin in group]), host_config(), where="float model"
        )
        sums = {twin.node.name: _Sums() for twin in group}
        for sample in samples:
            ours, theirs = exact.run(sample), doubled.run(sample)
            for i, twin in enumerate(group):
                got = _real(theirs[twin.stored], variant, twin)
                sums[twin.node.name].add(got, theirs[_form_name(variant, i)], ours[twin.result])
        found.update({name: one.noise() for name, one in sums.items()})
    return found


@dataclass(slots=True)
class _Sums:
    """Sums of squares over samples."""

    signal: float = 0.0
    added: float = 0.0
    gathered: float = 0.0
    form: float = 0.0

    def add(self, got: Array, form: Array, exact: Array) -> None:
        self.signal += _power(exact)
        self.form += _power(form)
        self.added += _power(got - form)
        self.gathered += _power(got - exact)

    def noise(self) -> Noise:
        return Noise(_ratio_db(self.form, self.added), _ratio_db(self.signal, self.gathered))


def _power(values: Array) -> float:
    return float(np.square(values).sum(dtype=np.float64))


def _ratio_db(signal: float, noise: float) -> float:
    """Return a ratio in dB, rounded to what is worth telling."""
    if noise == 0:
        return SAME_DB
    if signal == 0 or not math.isfinite(noise):
        return -SAME_DB
    return round(max(-SAME_DB, min(SAME_DB, 10 * math.log10(signal / noise))), 2)


def _groups(graph: Graph, twins: Sequence[Twin]) -> list[list[Twin]]:
    """Return the layers in groups of bounded memory, those of most work if not all have room."""
    groups: list[list[Twin]] = [[]]
    size_bytes = 0
    for twin in sorted(twins, key=lambda twin: -graph.macs(twin.node)):
        weights = sum(graph.constants[name].nbytes for name in twin.node.input if name in graph.constants)
        own = 3 * _FLOAT_BYTES * graph.elements(twin.result) + weights
        if groups[-1] and size_bytes + own > _GROUP_BYTES:
            if len(groups) == _MOST_GROUPS:
                break
            groups.append([])
            size_bytes = 0
        groups[-1].append(twin)
        size_bytes += own
    return [group for group in groups if group]


def _with_float_forms(graph: Graph, variant: Graph, twins: Sequence[Twin]) -> bytes:
    """Return the serialized variant with the float form of each layer beside it, and the results of both as outputs."""
    import onnx

    model: Model = onnx.ModelProto()
    model.CopyFrom(variant.model)
    weights = {tensor.name: tensor for tensor in graph.model.graph.initializer}
    for i, twin in enumerate(twins):
        form = _form_name(variant, i)
        for node in _float_form(twin, graph, form):
            model.graph.node.append(node)
        layers = [twin.node] if twin.clamp is None else [twin.node, twin.clamp]
        for name in dict.fromkeys(name for node in layers for name in node.input if name in graph.constants):
            constant = model.graph.initializer.add()
            constant.CopyFrom(weights[name])
            constant.name = f"{form}/{name}"
    return with_outputs(model, [name for i, twin in enumerate(twins) for name in (twin.stored, _form_name(variant, i))])


def _form_name(variant: Graph, index: int) -> str:
    return variant.fresh(f"float{index}")


def _float_form(twin: Twin, graph: Graph, name: str) -> Iterator[Node]:
    """Yield a layer in float that reads what the variant's layer reads, and its clamp."""
    from onnx import NodeProto, TensorProto, helper

    layer = NodeProto()
    layer.CopyFrom(twin.node)
    layer.name, layer.output[0] = name, name if twin.clamp is None else f"{name}/raw"
    for place, own in enumerate(twin.node.input):
        if own in graph.constants:
            layer.input[place] = f"{name}/{own}"
        elif own:
            read = twin.source if place == 0 else twin.other.input[place]
            layer.input[place] = f"{name}/in{place}" if graph.is_float(own) else read
            if not graph.is_float(own):
                continue
            yield helper.make_node("Cast", [read], [layer.input[place]], layer.input[place], to=TensorProto.FLOAT)
    for place in range(1, len(layer.output)):
        layer.output[place] = f"{name}/out{place}"
    yield layer
    if twin.clamp is not None:
        clamp = NodeProto()
        clamp.CopyFrom(twin.clamp)
        clamp.name, clamp.input[0], clamp.output[0] = f"{name}/clamp", f"{name}/raw", name
        for place, own in enumerate(clamp.input):
            clamp.input[place] = f"{name}/{own}" if own in graph.constants else own
        yield clamp


def _real(stored: Array, variant: Graph, twin: Twin) -> Array:
    """Return the variant's results as real numbers."""
    if twin.pair is None or twin.stored != twin.pair.output[0]:
        return np.asarray(stored, np.float32)
    scale, zero = (variant.constants[name] for name in twin.pair.input[1:3])
    return (stored.astype(np.float32) - np.float32(zero)) * np.float32(scale)


def _ends(zero: Array) -> tuple[int, int]:
    limits = np.iinfo(zero.dtype)
    return int(limits.min), int(limits.max)


def _maps_around(variant: Graph, product: Node) -> tuple[str, str]:
    """Return the maps that a product stands between which reads them a place a row, and gives them back."""
    maker, reader = variant.producer[product.input[0]], variant.consumers[product.output[0]][0]
    while maker.op_type != "Transpose":
        maker = variant.producer[maker.input[0]]
    while reader.op_type != "Transpose":
        reader = variant.consumers[reader.output[0]][0]
    return maker.input[0], reader.output[0]


def _quantizer_behind(variant: Graph, node: Node) -> Node | None:
    return next((one for one in variant.consumers[node.output[0]] if one.op_type == "QuantizeLinear"), None)


def _quantizer_before(variant: Graph, node: Node) -> Node | None:
    """Return the QuantizeLinear of the pair that a layer reads; None if it reads none."""
    scaled = variant.producer.get(node.input[0])
    if scaled is None or scaled.op_type != "DequantizeLinear":
        return None
    rounded = variant.producer.get(scaled.input[0])
    return rounded if rounded is not None and rounded.op_type == "QuantizeLinear" else None


def _clamp_within(graph: Graph, variant: Graph, node: Node) -> Node | None:
    """Return the ReLU or Clip behind a layer that the variant's range stands for."""
    readers = graph.consumers[node.output[0]]
    if len(readers) != 1 or readers[0].op_type not in _CLAMPS:
        return None
    return None if any(one.name == readers[0].name for one in variant.nodes) else readers[0]
