from dataclasses import dataclass

import pytest

from edge_sdk.agent.health import Baseline, Health, fault, is_proven, observe
from edge_sdk.wire.release import Gates

_GATES = Gates(trial_results=20, max_memory_bytes=100, trial_s=60)
_BASELINE = Baseline(latency_ms=10.0, resident_bytes=1000)


@dataclass(frozen=True)
class _Beat:
    results: int = 10
    errors: int = 0
    nan: int = 0
    latency_p50_ms: float = 10.0
    resident_bytes: int = 1050
    model_sha256: str = ""
    stuck_s: float = 0.0


def _seen(beats, every_s=1.0):
    """Return what is wrong first, and after how many seconds."""
    health = Health.begin(100.0)
    for number, beat in enumerate(beats, 1):
        health = observe(health, beat, 100.0 + number * every_s)
        wrong = fault(health, _GATES, _BASELINE)
        if wrong:
            return wrong, number * every_s
    return "", 0


def test_healthy_results_prove_a_model():
    health = Health.begin(0.0)
    for second in range(2):
        assert not is_proven(health, _GATES)
        health = observe(health, _Beat(), second + 1.0)
        assert fault(health, _GATES, _BASELINE) == ""
    assert is_proven(health, _GATES)


@pytest.mark.parametrize(
    ("beat", "message", "within_s"),
    [
        (_Beat(results=0, nan=10), "expected a result of each sample, got none or no numbers for 10 of 10", 1),
        (_Beat(results=9, errors=1), "expected a result of each sample, got none or no numbers for 3 of 30", 3),
        (_Beat(latency_p50_ms=50.0), "expected at most 2 times 10.00 ms, got 50.00 ms", 3),
        (_Beat(resident_bytes=1101), "expected at most 100 bytes more memory than before, got 101", 1),
        (_Beat(results=0, stuck_s=1.0), "expected a result within 20 s of samples, got none", 20),
        (None, "expected a sign of life each second, got none for 10 s", 10),
    ],
)
def test_what_is_wrong_is_told_well_within_a_minute(beat, message, within_s):
    assert _seen([beat] * 60) == (message, within_s)


def test_results_that_come_too_slowly_are_told_when_the_trial_is_over():
    beats = [_Beat(results=int(second % 10 == 0), stuck_s=0.5) for second in range(1, 100)]
    assert _seen(beats) == ("expected 20 results within 60 s, got 6", 60)


def test_one_broken_frame_says_nothing_and_a_spike_neither():
    beats = [_Beat(results=9, errors=1, latency_p50_ms=90.0)] + [_Beat()] * 30
    assert _seen(beats) == ("", 0)


def test_a_latency_has_a_bound_of_its_own():
    health = Health.begin(0.0)
    for second in range(1, 4):
        health = observe(health, _Beat(latency_p50_ms=15.0), second)
    assert fault(health, Gates(max_latency_ms=12.0), _BASELINE) == "expected at most 12 ms, got 15.00 ms"
    assert fault(health, Gates(max_latency_ms=12.0), Baseline()) == "expected at most 12 ms, got 15.00 ms"
    assert fault(health, Gates(), Baseline()) == ""


def test_a_source_that_gives_nothing_holds_nothing_against_a_model():
    nothing = _Beat(results=0)
    assert _seen([nothing] * 500) == ("", 0)
    assert _seen([_Beat(results=1)] * 5 + [nothing] * 100 + [_Beat()] * 2) == ("", 0)
    assert _seen([nothing] * 100 + [_Beat(results=0, stuck_s=1.0)] * 30)[1] == 120


def test_the_model_after_is_compared_to_what_was_seen():
    health = Health.begin(0.0)
    for second in range(1, 5):
        health = observe(health, _Beat(results=2, latency_p50_ms=float(second)), second)
    assert health.baseline == Baseline(latency_ms=2.5, resident_bytes=1050)
    assert Health.begin(0.0).baseline == Baseline()


def test_what_is_remembered_has_a_bound():
    health = Health.begin(0.0)
    for second in range(1000):
        health = observe(health, _Beat(), second)
    assert len(health.latencies_ms) == 60
