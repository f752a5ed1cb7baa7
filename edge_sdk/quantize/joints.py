"""Joints whose parts no single scale holds: boxes in pixels and scores beside them, as detectors decode them.

Where branches are joined in integers, all of them take the steps of the widest. A part with few steps left is lost: of
boxes up to 640 beside scores up to 1 the scores are 0 or 2.5. Pure: a graph, a placement and what calibration saw.

- A part is lost that has fewer than 16 steps of the joint in its own range. The error of rounding is step^2 / 12
  (W. R. Bennett, "Spectra of quantized signals", 1948), the variance of values that fill N steps N^2 * step^2 / 12:
  they stand 20 log10 N dB above it. 256 steps are 48 dB, 16 are 24 dB: more than half of int8 is gone.
- Where next to no work follows, the joint and all that follows stay float: a decode costs nothing, and neither does the
  layer that many decodes end with, whose rounding would move boxes by pixels.
- Where layers with work follow, the joint stays float, and what reads it as a whole, until a Split, Slice or Gather
  takes its parts out: those have a range of their own again. What comes in keeps its own steps.
- A layer that reads a joint as a whole takes one scale for it in any case: such a joint is left to the accuracy guard.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edge_sdk.profiles import RangeMethod
from edge_sdk.quantize import decodes
from edge_sdk.quantize.calibrate import Statistics
from edge_sdk.quantize.graph import Graph, Node
from edge_sdk.quantize.placement import Placement
from edge_sdk.quantize.ranges import HIGHEST, LOWEST, Range, choose_range

_LEAST_STEPS = 16
_METHODS: tuple[RangeMethod, ...] = ("minmax", "mse")
_DIVIDERS = frozenset({"Split", "Slice", "Gather"})


@dataclass(frozen=True, slots=True)
class Part:
    """What goes into a joint: a tensor and the range of its values."""

    tensor: str
    range: Range

    @property
    def width(self) -> float:
        """The width of the range."""
        return self.range[1] - self.range[0]

    def __str__(self) -> str:
        """Return the tensor and its range, for people."""
        return f"{self.tensor} ({self.range[0]:.3g} to {self.range[1]:.3g})"


@dataclass(frozen=True, slots=True)
class Joint:
    """A Concat that stays float, since one scale would lose a part of it.

    Attributes:
        name: The Concat.
        wide: Its part with the widest range.
        narrow: Its part with the narrowest.
        steps: How many of the 255 steps of a common scale the narrow part would have.
        apart: The operators in integers that stay float for it, the Concat first.
        work: Their share of the model's multiply-accumulates, 0 to 1.
    """

    name: str
    wide: Part
    narrow: Part
    steps: float
    apart: tuple[str, ...]
    work: float

    @property
    def reason(self) -> str:
        """Why it stays float."""
        return f"one scale would span {self.wide} and {self.narrow}, and leave {self.steps:.1f} of 255 steps to this"

    @property
    def line(self) -> str:
        """What was found and done, for people."""
        return f"{self.name} and what reads it ({self.work:.2%} of the work) in float: {self.reason}"


def find_joints(graph: Graph, placement: Placement, statistics: Mapping[str, Statistics]) -> tuple[Joint, ...]:
    """Return the joints in integers that lose a part and are better in float.

    Args:
        graph: A cleaned graph.
        placement: Where its integers would be.
        statistics: What calibration saw of the tensors that carry a Q/DQ pair.
    """
    concats = (node for node in graph.nodes if node.op_type == "Concat" and node.name in placement.integer)
    found = (_joint(graph, placement, node, losing) for node in concats if (losing := _losing(graph, node, statistics)))
    return tuple(joint for joint in found if joint is not None)


def reasons_apart(joints: Iterable[Joint]) -> dict[str, str]:
    """Return why the operators that stay float for joints do, by name."""
    reasons: dict[str, str] = {}
    for joint in joints:
        follows = f"it reads what {joint.name} joins, where {joint.reason}"
        reasons = {**dict.fromkeys(joint.apart, follows), **reasons, joint.name: joint.reason}
    return reasons


def _losing(graph: Graph, node: Node, statistics: Mapping[str, Statistics]) -> tuple[Part, Part, float] | None:
    """Return the widest part, the narrowest and its steps, if one scale would lose that; None if not.

    It would by all values that were seen, and without the few that a range with the least error leaves out.
    """
    for method in _METHODS:
        parts = sorted((_part(graph, statistics, name, method) for name in node.input), key=lambda part: part.width)
        span = max(part.range[1] for part in parts) - min(part.range[0] for part in parts)
        steps = (HIGHEST - LOWEST) * parts[0].width / span if span else 0.0
        if not 0 < steps < _LEAST_STEPS:
            return None
    return parts[-1], parts[0], steps


def _part(graph: Graph, statistics: Mapping[str, Statistics], tensor: str, method: RangeMethod) -> Part:
    values = graph.constants.get(tensor)
    if values is not None:
        return Part(tensor, (min(0.0, float(values.min(initial=0))), max(0.0, float(values.max(initial=0)))))
    return Part(tensor, choose_range(statistics[tensor].histogram, method, symmetric=False))


def _joint(graph: Graph, placement: Placement, node: Node, losing: tuple[Part, Part, float]) -> Joint | None:
    """Return what becomes of a Concat that loses a part; None if a layer reads it as a whole."""
    work = {each.name: graph.macs(each) for each in graph.nodes}
    total = max(sum(work.values()), 1)
    following = decodes.following(graph, node)
    if sum(work[each.name] for each in following) > decodes.LITTLE * total:
        following = _whole(graph, placement, node)
    apart = tuple(each.name for each in following if each.name in placement.integer)
    return Joint(node.name, *losing, apart, sum(work[name] for name in apart) / total) if apart else None


def _whole(graph: Graph, placement: Placement, joint: Node) -> list[Node]:
    """Return a joint and the operators in integers that read it as a whole; none if a layer does."""
    found = {joint.name: joint}
    waiting = [joint]
    while waiting:
        node = waiting.pop()
        if node.op_type in _DIVIDERS:
            continue
        for reader in (reader for name in node.output for reader in graph.consumers[name]):
            if reader.name in placement.layers:
                return []
            if reader.name in placement.integer and reader.name not in found:
                found[reader.name] = reader
                waiting.append(reader)
    return list(found.values())
