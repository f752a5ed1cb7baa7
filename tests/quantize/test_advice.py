from __future__ import annotations

from dataclasses import replace

import pytest

from edge_sdk.package import Accuracy
from edge_sdk.quantize.advice import Case, advise
from edge_sdk.quantize.board_plan import Finding, PlanPreview, PlanSpeed
from edge_sdk.quantize.finding import Finding as SampleFinding
from edge_sdk.quantize.guard import AccuracyBudget

BUDGET = AccuracyBudget(max_drop_points=0.5, min_agreement=0.9, min_integer_share=0.5, standard_errors=1.0)
CERTIFIED = Accuracy("top-1", 80.0, 79.9, -0.2, 0.4, 0.98, 5000)
PLAN = PlanPreview("pi", "arm-int8", "", 1, 0.97, {}, (), 0, 0, speed=PlanSpeed(10.0, 25.0, "ms", ""))
GOOD = Case(PLAN, CERTIFIED, BUDGET)
UNLABELLED = Accuracy("", None, None, None, None, 0.99, 60)


def finding(severity):
    return SampleFinding("reading", severity, "preprocessing", "expected A, got B", "z 5", "turn it")


def of(**changes):
    return replace(GOOD, accuracy=replace(CERTIFIED, **changes))


def planned(**changes):
    return replace(GOOD, plan=replace(PLAN, **changes))


def test_what_is_certified_and_fast_is_to_be_shipped():
    advice = advise(GOOD)
    assert (advice.profile, advice.family, advice.verdict, advice.reasons, advice.gain) == (
        "pi",
        "arm-int8",
        "ship",
        (),
        2.5,
    )
    assert advice.because.startswith("The whole 95 % interval of the loss lies within the budget of 0.5 points")


def test_the_float_model_itself_is_to_be_shipped():
    plan = replace(PLAN, family="fp32", integer_share=0.0, speed=PlanSpeed(25.0, 25.0, "ms", ""))
    findings = (finding("warn"),)
    advice = advise(Case(plan, None, BUDGET, findings, ("too few samples",)))
    assert (advice.verdict, advice.because) == ("ship", "It is the float model itself: nothing is lost.")


CARE = [
    (
        of(drop_high=1.3),
        "The measured loss of +0.10 points is within the budget of 0.5, but 5000 samples could hide one of ",
    ),
    (
        of(value=79.2, drop_high=1.3),
        "The measured loss of 0.80 points is above the budget of 0.5, though 5000 samples do not",
    ),
    (
        replace(GOOD, accuracy=UNLABELLED),
        "It was measured without labels: it agrees with the float model on 99.0% of 60 ",
    ),
    (replace(GOOD, findings=(finding("warn"),)), "Preprocessing: expected A, got B (z 5)."),
    (replace(GOOD, cautions=("they share samples",)), "They share samples."),
    (planned(integer_share=0.4), "Only 40.0% of the work is in integers, and 50% was wanted."),
    (planned(speed=PlanSpeed(10.0, 10.1, "ms", "")), "It is hardly faster than the float variant: 1.01 times"),
    (
        planned(findings=(Finding("r", "slow", "a: expected B, got C"),)),
        "The board's engine computes 1 place(s) of it slowly",
    ),
]
AGAINST = [
    (of(value=75.0, drop_low=2.0, drop_high=8.0), "It loses 5.00 points of top-1, surely more than the budget of 0.5."),
    (of(agreement=0.8), "It does not hold the budget: at most 0.5 points of drop and an agreement of at least 90.0%"),
    (
        replace(GOOD, findings=(finding("refuse"),)),
        "The samples contradict the model: preprocessing: expected A, got B",
    ),
    (
        planned(findings=(Finding("r", "refused", "a: expected B, got C"),)),
        "The board's engine refuses it: a: expected B",
    ),
]


@pytest.mark.parametrize(
    ("case", "because", "verdict"),
    [*((*one, "ship with care") for one in CARE), *((*one, "do not ship") for one in AGAINST)],
)
def test_what_speaks_against_it_is_told(case, because, verdict):
    advice = advise(case)
    assert advice.verdict == verdict
    assert advice.because == advice.reasons[0]
    assert advice.because.startswith(because)
    assert all(not reason[0].islower() and reason.endswith(".") for reason in advice.reasons)


def test_the_gravest_reason_comes_first_and_all_are_told():
    case = replace(planned(integer_share=0.4), accuracy=replace(CERTIFIED, agreement=0.8, drop_high=0.9))
    reasons = advise(case).reasons
    assert [reason.split(":")[0][:20] for reason in reasons] == [
        "It does not hold the",
        "The measured loss of",
        "Only 40.0% of the wo",
    ]


def test_few_samples_without_labels_are_called_few():
    few, enough = (advise(replace(GOOD, accuracy=replace(UNLABELLED, samples=n))).reasons for n in (60, 600))
    assert few[1:] == ("60 samples are few: 100 or more tell more.",)
    assert len(enough) == 1


def test_where_no_time_is_known_no_gain_is_told():
    assert advise(planned(speed=None)).gain is None
