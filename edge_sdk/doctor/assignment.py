"""Which execution provider runs which nodes: what fell back to the CPU, and what that takes.

- Nodes are counted as they stood in the graph, where onnxruntime tells so (1.24 and newer). Before, they are those that
  were executed, of which TensorRT makes one of many.
- Times are those of onnxruntime's own profile, of each node the best of its runs. On a GPU they are those of starting
  its work only, where a provider does not wait for it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_sdk.doctor.record import Finding
from edge_sdk.session import Recorded

_CPU = "CPUExecutionProvider"
_MANY = 0.1
"""Share of nodes on the CPU from which on it is a warning: each change of provider copies tensors."""
_SHOWN = 4
_CURE = "edge-sdk plan PACKAGE tells why; export the model without these operators, or with another opset"


@dataclass(frozen=True, slots=True)
class Share:
    """What one provider runs.

    Attributes:
        operators: How many nodes of each operator.
        time_ms: What its nodes take in one run.
    """

    operators: Mapping[str, int]
    time_ms: float

    @property
    def nodes(self) -> int:
        """How many nodes it runs."""
        return sum(self.operators.values())


def read_shares(recorded: Recorded) -> dict[str, Share]:
    """Return what each provider runs, by its name."""
    executed: dict[tuple[str, str, str], float] = {}  # provider, operator, node: best time
    for event in json.loads(recorded.profile):
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            key = event["args"]["provider"], event["args"]["op_name"], event["name"]
            executed[key] = min(event["dur"] / 1000, executed.get(key, float("inf")))
    nodes = recorded.assigned or tuple((provider, operator) for provider, operator, _ in executed)
    providers = {provider: None for provider, _ in nodes} | {provider: None for provider, _, _ in executed}
    return {
        provider: Share(
            Counter(operator for owner, operator in nodes if owner == provider),
            sum(time_ms for (owner, _, _), time_ms in executed.items() if owner == provider),
        )
        for provider in providers
    }


def judge(recorded: Recorded, promised: Sequence[str]) -> Finding:
    """Judge who runs the nodes of a model.

    Args:
        recorded: What onnxruntime told of its runs.
        promised: The providers that the board's profile names, the preferred one first.
    """
    shares = read_shares(recorded)
    total = sum(share.nodes for share in shares.values())
    said = ", ".join(
        f"{share.nodes} of {total} nodes on {provider} ({share.time_ms:.2f} ms)" for provider, share in shares.items()
    )
    fallen = shares.get(_CPU)
    if promised[0] == _CPU or fallen is None or not total:
        return Finding("nodes", "ok", said)
    common = sorted(fallen.operators.items(), key=lambda one: -one[1])[:_SHOWN]
    which = ", ".join(f"{operator} {count}" for operator, count in common)
    share = fallen.nodes / total
    evidence = f"{share:.0%} fell back to the CPU ({which}): {said}"
    return Finding("nodes", "warning", evidence, _CURE) if share > _MANY else Finding("nodes", "ok", evidence)
