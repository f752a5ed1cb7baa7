"""Which variant each board gets of one package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_sdk.errors import InputError
from edge_sdk.profiles import DeviceProfile, Family
from edge_sdk.quantize import families
from edge_sdk.quantize.emit import FORMS
from edge_sdk.quantize.graph import Graph, weighted_layers
from edge_sdk.quantize.scheme import FAMILY_OF, Scheme, choose_scheme, work_of
from edge_sdk.quantize.substitutes import substituted_layers

_NO_INT8 = "no layer would be int8"
_LEAST_SHARE = 0.1
"""Of the work in int8 on TensorRT, below which it is not worth its losses: float16 is nearly as fast."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The family that a board gets.

    Attributes:
        family: The family.
        reason: Why it is not the board's first one; empty if it is.
    """

    family: Family
    reason: str = ""


def choose(profile: DeviceProfile, graph: Graph, scheme: Scheme | None = None) -> Choice:
    """Return the best family of a board for a model.

    Args:
        profile: The board.
        graph: The cleaned float graph.
        scheme: How to quantize; None decides it by the graph and the board.

    Raises:
        InputError: The board does not run the family of the scheme.
    """
    told, reason = (scheme, "it was asked for") if scheme is not None else choose_scheme(work_of(graph), profile)
    wanted = FAMILY_OF.get(told)
    if wanted is None:
        return _choose_static(profile, graph)
    if wanted in profile.families:
        return Choice(wanted, reason)
    if scheme is None:
        return _choose_static(profile, graph)
    raise InputError(
        f"{profile.name}: expected a board that runs {wanted}, got {', '.join(profile.families)}",
        hint="leave --scheme out, or choose a board of CPU families",
    )


def _choose_static(profile: DeviceProfile, graph: Graph) -> Choice:
    """Return the best family with calibrated ranges in which some layer is quantized; else the last one."""
    passed_over = {family: _why_passed_over(family, graph) for family in profile.families}
    family = next((family for family, reason in passed_over.items() if not reason), profile.families[-1])
    return Choice(family, "" if family == profile.family else passed_over[profile.family])


def _why_passed_over(family: Family, graph: Graph) -> str:
    """Return why a family does nothing for a model; empty if it does."""
    if family == "fp16":
        return "" if weighted_layers(graph) else _NO_INT8
    layers = families.place(family, graph).layers if family in FORMS else frozenset()
    if not layers and not (family in FORMS and substituted_layers(family, graph)):
        return _NO_INT8
    work = {node.name: graph.macs(node) for node in graph.nodes}
    share = sum(work[name] for name in layers) / max(sum(work.values()), 1)
    return f"only {share:.1%} of the work would be int8" if family in families.TENSORRT and share < _LEAST_SHARE else ""


def settle(profiles: Sequence[DeviceProfile], graph: Graph, scheme: Scheme | None = None) -> dict[str, Choice]:
    """Return what each board takes of one package, by the board's name.

    A board takes the first of its families that is in the package, which may be one that another board needs.
    """
    return served(profiles, {profile.name: choose(profile, graph, scheme) for profile in profiles})


def served(profiles: Sequence[DeviceProfile], choices: Mapping[str, Choice]) -> dict[str, Choice]:
    """Return what each board takes of a package with the chosen families: the first of its own that is there."""
    found = dict(choices)
    made = {choice.family for choice in choices.values()}
    for profile in profiles:
        first = next(family for family in profile.families if family in made)
        if first != found[profile.name].family:
            found[profile.name] = Choice(first, "another board of the package needs it")
    return found
