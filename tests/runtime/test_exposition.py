from __future__ import annotations

from collections import defaultdict

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge_sdk.runtime import Run
from edge_sdk.runtime.exposition import exposition
from edge_sdk.runtime.usage import Usage, usage
from tests.fakes import LOST, Replay
from tests.runtime.models import card


def parsed(text):
    """Return the samples by name: their labels and value."""
    found = defaultdict(list)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name].append((sample.labels, sample.value))
    return found


@pytest.fixture
def report(colors):
    sources = [Replay([card("red"), LOST, card("blue")], name='cam "1"\\'), Replay([card("red")], name="two")]
    return Run(colors, sources).execute()


def test_prometheus_reads_the_accounts_of_each_source(report):
    told = parsed(exposition(report, Usage(5, 0.5)))
    assert ({"source": 'cam "1"\\'}, 3) in told["edge_sdk_samples_captured_total"]
    assert ({"source": 'cam "1"\\', "cause": "lost"}, 1) in told["edge_sdk_samples_dropped_total"]
    assert ({"source": "two", "fate": "results"}, 1) in told["edge_sdk_samples_settled_total"]


def test_the_law_holds_over_the_series(report):
    told = parsed(exposition(report, Usage(5, 0.5)))

    def amount(name):
        return sum(value for _, value in told[f"edge_sdk_samples_{name}"])

    assert amount("captured_total") == amount("delivered_total") + amount("dropped_total") + amount("waiting")


def test_exactly_one_state_of_a_source_is_one(report):
    states = parsed(exposition(report, Usage(5, 0.5)))["edge_sdk_source_state"]
    assert [labels["state"] for labels, value in states if value and labels["source"] == "two"] == ["ended"]


def test_times_are_in_seconds(report):
    stages = parsed(exposition(report, Usage(5, 0.5)))["edge_sdk_stage_seconds"]
    (value,) = [value for labels, value in stages if labels == {"stage": "infer", "quantile": "0.5"}]
    assert value == pytest.approx(report.stages["infer"].p50_ms / 1e3)


def test_a_name_with_a_line_end_is_one_series(colors):
    report = Run(colors, [Replay([card("red")], name="a\nb\udcff")]).execute()
    captured = parsed(exposition(report, Usage(5, 0.5)))["edge_sdk_samples_captured_total"]
    assert [labels["source"] for labels, _ in captured] == ["a\nb\\udcff"]


def test_this_process_uses_memory_and_time():
    used = usage()
    assert used.resident_bytes > 10_000_000
    assert used.cpu_s > 0
