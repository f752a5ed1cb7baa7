from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.benchmarks.figures import Figures, Loss, ModelFigures
from scripts.benchmarks.quantize_page import page
from scripts.benchmarks.verdicts import GOALS, judge

DROP, AGREEMENT, BEST, LATENCY, TIME = GOALS
SMALL = Loss(0.1, (-0.2, 0.4), 0.98)
OURS = Figures("edge-sdk for here", "edge-sdk", "x86-int8", 10.0, 10**8, 0.26, SMALL, None, 0.5)
FAST = Figures("fast", "onnx", "defaults", 5.0, 10**8, 0.3, SMALL, {OURS.name: SMALL}, 0.6)
SLOW = replace(FAST, name="slow", seconds=30.0, latency_ratio=1.4)
BROKEN = Figures("broken", "runtime", "ValueError: no | kernel", 1.0, 10**7)


def figures(*contenders: Figures) -> ModelFigures:
    return ModelFigures("model", "top-1", 71.5, 350, 4.0, contenders)


def test_all_goals_are_reached_where_ours_is_better():
    assert {verdict.reached for verdict in judge(figures(OURS, FAST, SLOW, BROKEN)).values()} == {True}


@pytest.mark.parametrize(
    ("loss", "goal", "reached"),
    [
        (Loss(0.9, (0.1, 1.7), 0.98), DROP, False),
        (Loss(0.9, (-0.1, 1.9), 0.98), DROP, True),
        (Loss(0.3, (0.1, 0.5), 0.98), DROP, True),
        (Loss(None, None, 0.98), DROP, None),
        (Loss(0.0, (-1.0, 1.0), 0.969), AGREEMENT, False),
    ],
)
def test_drop_and_agreement_are_judged_by_the_figures(loss, goal, reached):
    assert judge(figures(replace(OURS, loss=loss), FAST))[goal].reached is reached


def test_a_peer_that_is_better_beyond_the_noise_is_named():
    better = replace(FAST, name="better", behind_ours={OURS.name: Loss(1.2, (0.2, 2.2), 0.9)})
    verdict = judge(figures(OURS, FAST, better))[BEST]
    assert verdict.reached is False
    assert verdict.because == "+1.20 (+0.20 to +2.20) to better"


def test_a_faster_file_of_a_peer_is_named_and_other_runtimes_do_not_count():
    runtime = replace(FAST, name="runtime", kind="runtime", latency_ratio=0.1)
    assert judge(figures(OURS, FAST, runtime))[LATENCY].reached
    verdict = judge(figures(OURS, replace(FAST, latency_ratio=0.4)))[LATENCY]
    assert (verdict.reached, verdict.because) == (False, "0.50 against 0.40 (fast)")


def test_time_is_held_against_the_median_peer_that_gave_a_file():
    assert judge(figures(OURS, FAST, SLOW, BROKEN))[TIME].because == "10 s against 18 s"
    assert judge(figures(replace(OURS, seconds=20.0), FAST, SLOW))[TIME].reached is False


def test_without_a_result_of_ours_nothing_is_reached():
    failed = replace(OURS, loss=None, latency_ratio=None)
    assert {verdict.reached for verdict in judge(figures(failed, FAST)).values()} == {False}


def test_the_page_shows_verdicts_figures_and_a_peers_own_words():
    facts = {"date": "2026-11-25", "profile": "here", "cores": 2, "threads": 2, "versions": {"onnxruntime": "1.32.0"}}
    text = page([figures(OURS, FAST, BROKEN)], facts, "here/quantize.json")
    assert "| model | reached: +0.10 (-0.20 to +0.40) | reached: 98.0% |" in text
    assert "| **edge-sdk for here** | +0.10 | -0.20 to +0.40 | 98.0% | 0.50 | 26% | 10 | 100 | x86-int8 |" in text
    assert "| broken |  |  |  |  |  | 1 | 10 | ValueError: no / kernel |" in text
