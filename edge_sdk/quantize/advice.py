"""Whether to ship a variant to a board, and why: what was measured, judged by rules that can be read.

| verdict | when |
|---|---|
| do not ship | the loss is beyond the budget, the samples contradict the model, or the board's engine refuses it |
| ship with care | something is not known or not as wanted: each is a reason in words |
| ship | none of these |

Pure: records in, records out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from edge_sdk.package import Accuracy
from edge_sdk.quantize.board_plan import PlanPreview
from edge_sdk.quantize.compare import drop_of, samples_to_certify
from edge_sdk.quantize.families import IN_INTEGERS
from edge_sdk.quantize.finding import Finding
from edge_sdk.quantize.guard import AccuracyBudget

Verdict = Literal["ship", "ship with care", "do not ship"]

_FEW_SAMPLES = 100
"""Below this many, agreement alone says little: at 99 of 100 the true share may be 95 %."""
_LEAST_GAIN = 1.05


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether to ship a variant to a board.

    Attributes:
        profile: The board.
        family: What it gets.
        verdict: The answer.
        because: Why, in one sentence.
        reasons: What speaks against it, the gravest first; empty for `ship`.
        gain: How many times as fast as the board's float variant it is, by the model of the board; None if not known.
    """

    profile: str
    family: str
    verdict: Verdict
    because: str
    reasons: tuple[str, ...]
    gain: float | None


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged: one variant on one board.

    Attributes:
        plan: What the board will execute.
        accuracy: What was measured; None for the float model itself.
        budget: What might be lost.
        findings: What the samples were warned of.
        cautions: What else makes measurements flatter the variant, in words.
    """

    plan: PlanPreview
    accuracy: Accuracy | None
    budget: AccuracyBudget
    findings: Sequence[Finding] = ()
    cautions: Sequence[str] = ()


def advise(case: Case) -> Advice:
    """Return whether to ship a variant to a board."""
    plan = case.plan
    against, cautions = tuple(_against(case)), tuple(_cautions(case))
    verdict: Verdict = "do not ship" if against else "ship with care" if cautions else "ship"
    reasons = against + cautions
    return Advice(
        plan.profile, plan.family, verdict, reasons[0] if reasons else _in_favour(case), reasons, modelled_gain(plan)
    )


def modelled_gain(plan: PlanPreview) -> float | None:
    """Return how many times as fast as the board's float variant a plan is, by the model of the board."""
    return plan.speed.float_time / plan.speed.time if plan.speed is not None and plan.speed.time > 0 else None


def _in_favour(case: Case) -> str:
    if case.accuracy is None:
        return "It is the float model itself: nothing is lost."
    return (
        f"The whole 95 % interval of the loss lies within the budget of {case.budget.max_drop_points:g} points, and "
        f"nothing else speaks against it."
    )


def _against(case: Case) -> Iterator[str]:
    accuracy, budget = case.accuracy, case.budget
    if accuracy is not None and accuracy.drop_low is not None and accuracy.drop_low > budget.max_drop_points:
        yield (
            f"It loses {drop_of(accuracy) or 0.0:.2f} points of {accuracy.metric}, surely more than the budget of "
            f"{budget.max_drop_points:g}."
        )
    if accuracy is not None and not budget.holds(accuracy):
        yield (
            f"It does not hold the budget: at most {budget.max_drop_points:g} points of drop and an agreement of at "
            f"least {budget.min_agreement:.1%} were asked for, and it agrees on {accuracy.agreement:.1%}."
        )
    yield from (f"The board's engine refuses it: {one.message}." for one in case.plan.found("refused"))
    yield from (f"The samples contradict the model: {one.line}." for one in case.findings if one.severity == "refuse")


def _cautions(case: Case) -> Iterator[str]:
    if case.accuracy is not None:
        yield from _of_accuracy(case.accuracy, case.budget)
        yield from (_sentence(one.line) for one in case.findings if one.severity == "warn")
        yield from (_sentence(one) for one in case.cautions)
    yield from _of_plan(case)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _of_accuracy(accuracy: Accuracy, budget: AccuracyBudget) -> Iterator[str]:
    drop, samples = drop_of(accuracy), accuracy.samples
    if drop is None or accuracy.drop_high is None:
        yield (
            f"It was measured without labels: it agrees with the float model on {accuracy.agreement:.1%} of {samples} "
            f"samples, but what that costs in accuracy is not known."
        )
        if samples < _FEW_SAMPLES:
            yield f"{samples} samples are few: {_FEW_SAMPLES} or more tell more."
    elif drop > budget.max_drop_points and accuracy.drop_high > budget.max_drop_points:
        yield (
            f"The measured loss of {drop:.2f} points is above the budget of {budget.max_drop_points:g}, though "
            f"{samples} samples do not tell the two apart."
        )
    elif accuracy.drop_high > budget.max_drop_points:
        needed = samples_to_certify(accuracy, budget.max_drop_points)
        yield (
            f"The measured loss of {drop:+.2f} points is within the budget of {budget.max_drop_points:g}, but "
            f"{samples} samples could hide one of up to {accuracy.drop_high:.2f}"
            + (f"; about {needed} labelled samples would settle it." if needed else ".")
        )


def _of_plan(case: Case) -> Iterator[str]:
    plan, gain = case.plan, modelled_gain(case.plan)
    in_integers = plan.family in IN_INTEGERS
    if in_integers and plan.integer_share < case.budget.min_integer_share:
        yield (
            f"Only {plan.integer_share:.1%} of the work is in integers, and {case.budget.min_integer_share:.0%} was "
            f"wanted."
        )
    if in_integers and gain is not None and gain < _LEAST_GAIN:
        yield f"It is hardly faster than the float variant: {gain:.2f} times, by the model of the board."
    slow = plan.found("slow")
    if slow:
        yield f"The board's engine computes {len(slow)} place(s) of it slowly, first {slow[0].message}."
