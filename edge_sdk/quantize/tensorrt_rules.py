"""The rules of TensorRT that a model can break, and the check of a model by all of them.

A rule is a name, what TensorRT does with what breaks it, and a function that finds the places. `refused` is what its
ONNX parser or its builder answers with an error; onnxruntime then computes that part, or all of the model, elsewhere.
`slow` is what is computed elsewhere (the graph is split), in wider types, or by a slower kernel. Which version and
which GPU a board has is in its profile. TensorRT itself cannot be run where models are quantized.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge_sdk.profiles import DeviceProfile
from edge_sdk.quantize import tensorrt_graphs as graphs
from edge_sdk.quantize import tensorrt_pairs as pairs
from edge_sdk.quantize.board_plan import Finding, Severity
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.tensorrt_places import Place

Check = Callable[[Graph, DeviceProfile], Iterator[Place]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule.

    Attributes:
        name: Its name.
        severity: What TensorRT does.
        check: Yields the places that break it; its docstring says why, and where that is written.
    """

    name: str
    severity: Severity
    check: Check


RULES = (
    Rule("operator-set", "refused", graphs.newer_operator_set),
    Rule("ir-version", "refused", graphs.newer_ir),
    Rule("one-type", "refused", graphs.mixed_types),
    Rule("type-on-gpu", "refused", graphs.types_the_gpu_lacks),
    Rule("unsigned-input", "refused", graphs.unsigned_tensors),
    Rule("int8-on-gpu", "refused", pairs.int8_the_gpu_lacks),
    Rule("zero-point", "refused", pairs.zero_points),
    Rule("signed-steps", "refused", pairs.unsigned_steps),
    Rule("float-bias", "refused", pairs.integers_wider_than_int8),
    Rule("constant-scale", "refused", pairs.scales),
    Rule("scale-type", "refused", pairs.half_scales),
    Rule("scale-count", "refused", pairs.scale_counts),
    Rule("activation-scale", "refused", pairs.activations_by_channel),
    Rule("weight-axis", "refused", pairs.weights_by_another_axis),
    Rule("stem", "refused", pairs.stems),
    Rule("dla-version", "refused", graphs.dla_of_the_version),
    Rule("narrow-layer", "slow", pairs.narrow_layers),
    Rule("half-quantized", "slow", pairs.half_quantized_layers),
    Rule("idle-pair", "slow", pairs.idle_pairs),
    Rule("no-importer", "slow", graphs.operators_without_importer),
    Rule("operator-form", "slow", graphs.forms_without_importer),
    Rule("control-flow", "slow", graphs.control_flow),
    Rule("shape-from-values", "slow", graphs.shapes_from_values),
    Rule("free-size", "slow", graphs.free_sizes),
    Rule("double", "slow", graphs.doubles),
    Rule("wide-integer", "slow", graphs.wide_integers),
    Rule("float32-layer", "slow", graphs.float32_layers),
    Rule("dla-operator", "slow", graphs.operators_off_the_dla),
)
"""All rules, in the order in which findings are told."""


def check_rules(graph: Graph, profile: DeviceProfile) -> tuple[Finding, ...]:
    """Return the places of a model that break a rule of a board's TensorRT.

    Args:
        graph: The model, with known types.
        profile: A board with TensorRT.
    """
    return tuple(
        Finding(rule.name, rule.severity, str(place), place.hint)
        for rule in RULES
        for place in rule.check(graph, profile)
    )
