from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_sdk.package import Accuracy
from edge_sdk.quantize.compare import compare, drop_of, paired_interval, samples_to_certify
from edge_sdk.tasks import Classification, Score, TaskSpec, build_task

TASK = build_task(TaskSpec(kind="classification"))
MEASURED = Accuracy("top-1", 80.0, 79.8, -0.9, 1.3, 0.98, 500)


def means(outcomes, *, known=True):
    """Return the score of a metric that is the mean of these; not known as such, it is resampled."""
    outcomes = np.asarray(outcomes, np.float64)

    def resampled(weights):
        return 100 * (weights @ outcomes) / weights.sum(axis=1)

    return Score("right", 100 * outcomes.mean(), outcomes if known else None, resampled)


def outcomes(both, lost, won, neither):
    """Return the outcomes of the float model and of the variant, for counts of each combination."""
    return [1] * (both + lost) + [0] * (won + neither), [1] * both + [0] * lost + [1] * won + [0] * neither


def interval(both, lost, won, neither):
    ours, theirs = outcomes(both, lost, won, neither)
    return paired_interval(means(ours), means(theirs), len(ours))


# half a sample more in each cell, N = n + 2: d = (lost - won) / N, d -+ z sqrt(((lost + won + 1) / N - d^2) / N)
@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((50, 10, 4, 36), -1.4717, 13.2364),  # by hand: 5.8824 -+ 7.3540
        ((100, 0, 0, 0), -1.9215, 1.9215),  # by hand: 1.959964 / 102
        ((0, 10, 0, 0), 56.66, 100.0),  # by hand: 83.33 -+ 26.67, cut at 100
    ],
)
def test_the_interval_is_that_of_agresti_and_min(counts, low, high):
    assert interval(*counts) == pytest.approx((low, high), abs=0.01)


def test_the_interval_agrees_with_a_published_one():
    # Agresti, Categorical Data Analysis, 10.1: approval fell by 4 points, 95 % interval 2.1 to 5.9 (Wald, n = 1600)
    assert interval(794, 150, 86, 570) == pytest.approx((2.1, 5.9), abs=0.05)


def test_a_gain_is_a_negative_drop():
    low, high = interval(50, 4, 10, 36)
    assert (low, high) == pytest.approx((-13.2364, 1.4717), abs=0.01)


def test_the_interval_holds_the_true_drop_in_95_of_100_experiments():
    random = np.random.default_rng(1)
    counts = random.multinomial(300, [0.80, 0.05, 0.03, 0.12], size=1500)
    held = [low <= 2.0 <= high for low, high in (interval(*map(int, one)) for one in counts)]
    assert 0.94 <= np.mean(held) <= 0.97


def test_the_bootstrap_holds_the_true_drop_nearly_as_often():
    random = np.random.default_rng(2)
    held = []
    for _ in range(150):
        ours, theirs = (random.random(80) < 0.8, random.random(80) < 0.75)
        low, high = paired_interval(means(ours, known=False), means(theirs, known=False), 80)
        held.append(low <= 5.0 <= high)
    assert np.mean(held) >= 0.91


def test_the_bootstrap_gives_the_same_twice_and_nearly_the_formula():
    ours, theirs = outcomes(300, 30, 12, 158)
    resampled = [paired_interval(means(ours, known=False), means(theirs, known=False), 500) for _ in range(2)]
    assert resampled[0] == resampled[1]
    assert resampled[0] == pytest.approx(interval(300, 30, 12, 158), abs=0.3)


def test_no_change_leaves_the_rule_of_three():
    ours, _ = outcomes(40, 0, 0, 10)
    assert paired_interval(means(ours, known=False), means(ours, known=False), 50) == pytest.approx((-6.0, 6.0))


def results(classes):
    return [Classification((one, 9), (0.9, 0.1)) for one in classes]


def test_a_variant_is_compared_sample_by_sample():
    accuracy = compare(TASK, results([0, 1, 2, 0]), results([0, 1, 1, 2]), [0, 1, 2, 2])
    assert (accuracy.metric, accuracy.float_value, accuracy.value, accuracy.samples) == ("top-1", 75.0, 75.0, 4)
    assert accuracy.agreement == 0.5
    assert accuracy.drop_low == pytest.approx(-accuracy.drop_high)
    assert drop_of(accuracy) == 0


def test_without_labels_there_is_agreement_alone():
    accuracy = compare(TASK, results([0, 1, 2, 0]), results([0, 1, 2, 1]), None)
    assert accuracy == Accuracy("", None, None, None, None, 0.75, 4)
    assert drop_of(accuracy) is None
    assert samples_to_certify(accuracy, 0.5) is None


def test_the_samples_that_would_certify_are_told():
    # the end of the interval is 1.1 points above the drop of 0.2 and may be 0.3 above it: (1.1 / 0.3)^2 as many
    assert samples_to_certify(MEASURED, 0.5) == 6723
    assert samples_to_certify(MEASURED, 0.2) is None
    assert samples_to_certify(MEASURED, 0.2001) == 1_000_000


@pytest.mark.parametrize("samples", [100, 350, 1000])
def test_where_nothing_changed_so_many_samples_do_certify(samples):
    low, high = interval(samples, 0, 0, 0)
    accuracy = replace(MEASURED, value=80.0, drop_low=low, drop_high=high, agreement=1.0, samples=samples)
    needed = samples_to_certify(accuracy, 0.1)
    assert interval(needed, 0, 0, 0)[1] == pytest.approx(0.1, rel=0.02)


def test_more_samples_are_needed_wherever_those_at_hand_do_not_certify():
    random = np.random.default_rng(3)
    for both, lost, won in random.integers(0, 40, (200, 3)).tolist():
        ours, theirs = outcomes(both + 60, lost, won, 10)
        accuracy = compare(TASK, results(ours), results(theirs), [1] * len(ours))
        needed = samples_to_certify(accuracy, 2.0)
        if needed is not None:
            assert (needed > accuracy.samples) == (accuracy.drop_high > 2.0)
