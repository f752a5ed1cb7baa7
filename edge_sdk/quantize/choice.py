"""Which variant each board gets where speed counts: what it is quantized to, or float where that is the better answer.

- A variant with calibrated ranges must be `min_gain` times as fast as the board's float variant, by the model of the
  board; else the float variant is taken at once.
- Where no plan that is worth its integers holds the accuracy budget, ranges of each inference are tried, if they are
  worth it by the same measure; else float is taken there too.
- Whoever asks expressly for integers, by a scheme or a share, gets integers or an error, not float.
"""

from __future__ import annotations

from dataclasses import replace

from edge_sdk.profiles import DeviceProfile, Family
from edge_sdk.quantize.aim import Aim
from edge_sdk.quantize.costs import gain_of, modelled
from edge_sdk.quantize.emit import FORMS
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.guard import AccuracyBudget
from edge_sdk.quantize.request import QuantRequest
from edge_sdk.quantize.variants import Choice, served, settle
from edge_sdk.tasks import BOXED, TaskSpec

GOAL_AGREEMENT, GOAL_BOX_AGREEMENT = 0.97, 0.9
"""What the knee reaches for, unless an agreement is asked for expressly; for tasks that find boxes, the second."""
BETTER = "float is the better answer"
"""What the reason of a choice begins with where float was taken for its own sake."""
BETTER_RANGES = "ranges of each inference are the better answer"
"""What it begins with where calibrated ranges were given up."""


def is_strict(request: QuantRequest) -> bool:
    """Tell whether integers were asked for expressly, so that float is no answer."""
    return request.min_integer_share is not None or request.scheme is not None


def choose_variants(request: QuantRequest, graph: Graph) -> dict[str, Choice]:
    """Return the variant of each board by its name, as far as that can be told without data."""
    choices = settle(request.profiles, graph, request.scheme)
    if is_strict(request):
        return choices
    judged = {profile.name: _judged(request, profile, choices[profile.name], graph) for profile in request.profiles}
    return served(request.profiles, judged)


def aims_for(request: QuantRequest, task: TaskSpec, graph: Graph, float_graph: Graph) -> dict[Family, Aim]:
    """Return what the variant of each family would be chosen for: the board that would rather run it than others would.

    Args:
        request: What is to be done.
        task: What the model is for.
        graph: What the variants are made of.
        float_graph: What the boards' float variants are made of.
    """
    goal = GOAL_BOX_AGREEMENT if task.kind in BOXED else GOAL_AGREEMENT
    aims: dict[Family, Aim] = {}
    for family in {family: None for profile in request.profiles for family in profile.families}:
        able = [profile for profile in request.profiles if family in profile.families]
        profile = min(able, key=lambda one: one.families.index(family))  # the first of equals
        aims[family] = Aim(
            profile=profile.name,
            costs=modelled(graph, profile, family, float_graph),
            float_family=float_family(profile, family),
            pick=request.pick,
            min_gain=_min_gain(request, profile),
            goal_agreement=goal if request.min_agreement is None else request.min_agreement,
        )
    return aims


def budget_for(request: QuantRequest, task: TaskSpec) -> AccuracyBudget:
    """Return the strictest budget of the boards for a task, with what the request overrides."""
    policies = [profile.quantization for profile in request.profiles]
    strictest = AccuracyBudget(
        max_drop_points=min(policy.max_drop_points for policy in policies),
        min_agreement=max(p.min_box_agreement if task.kind in BOXED else p.min_agreement for p in policies),
        min_integer_share=max(policy.min_integer_share for policy in policies),
        standard_errors=1.0 if request.max_drop_points is None else 0.0,  # what is asked for expressly is measured
    )
    told = {
        "max_drop_points": request.max_drop_points,
        "min_agreement": request.min_agreement,
        "min_integer_share": request.min_integer_share,
    }
    return replace(strictest, **{name: value for name, value in told.items() if value is not None})


def float_family(profile: DeviceProfile, family: Family) -> Family:
    """Return what a board runs in place of a family where float is the better answer."""
    floats = [one for one in profile.families if one in {"fp16", "fp32"} and one != family]
    return floats[0] if floats else "fp32"


def _judged(request: QuantRequest, profile: DeviceProfile, choice: Choice, graph: Graph) -> Choice:
    """Return what a board should run: float if the family gains too little there."""
    family, instead = choice.family, float_family(profile, choice.family)
    if family not in FORMS or instead not in profile.families:
        return choice
    gain, wanted = gain_of(graph, profile, family), _min_gain(request, profile)
    if gain >= wanted:
        return choice
    return Choice(instead, f"{BETTER}: {family} would be {gain:.2f} times as fast, and {wanted:g} times is asked for")


def _min_gain(request: QuantRequest, profile: DeviceProfile) -> float:
    return profile.quantization.min_gain if request.min_gain is None else request.min_gain
