from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge_sdk.runtime import Run
from edge_sdk.runtime.exposition import exposition
from edge_sdk.runtime.thrift.board import BoardState
from edge_sdk.runtime.thrift.governor import GovernorReport
from edge_sdk.runtime.usage import Usage, usage
from tests.fakes import LOST, Replay
from tests.runtime.models import card

BOARD = BoardState(81.2, "cpu-thermal", frozenset({"throttled"}), events={"under-voltage": 3}, clock_share=0.5)


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
    told = parsed(exposition(report, Usage(5, 0.5), BOARD))
    assert ({"source": 'cam "1"\\'}, 3) in told["edge_sdk_samples_captured_total"]
    assert ({"source": 'cam "1"\\', "cause": "lost"}, 1) in told["edge_sdk_samples_dropped_total"]
    assert ({"source": "two", "fate": "results"}, 1) in told["edge_sdk_samples_settled_total"]


def test_the_law_holds_over_the_series(report):
    told = parsed(exposition(report, Usage(5, 0.5), BOARD))

    def amount(name):
        return sum(value for _, value in told[f"edge_sdk_samples_{name}"])

    assert amount("captured_total") == amount("delivered_total") + amount("dropped_total") + amount("waiting")


def test_exactly_one_state_of_a_source_is_one(report):
    states = parsed(exposition(report, Usage(5, 0.5), BOARD))["edge_sdk_source_state"]
    assert [labels["state"] for labels, value in states if value and labels["source"] == "two"] == ["ended"]


def test_times_are_in_seconds(report):
    stages = parsed(exposition(report, Usage(5, 0.5), BOARD))["edge_sdk_stage_seconds"]
    (value,) = [value for labels, value in stages if labels == {"stage": "infer", "quantile": "0.5"}]
    assert value == pytest.approx(report.stages["infer"].p50_ms / 1e3)


def test_a_name_with_a_line_end_is_one_series(colors):
    report = Run(colors, [Replay([card("red")], name="a\nb\udcff")]).execute()
    captured = parsed(exposition(report, Usage(5, 0.5), BOARD))["edge_sdk_samples_captured_total"]
    assert [labels["source"] for labels, _ in captured] == ["a\nb\\udcff"]


def test_this_process_uses_memory_and_time():
    used = usage()
    assert used.resident_bytes > 10_000_000
    assert used.cpu_s > 0


def test_the_board_tells_how_it_fares(report):
    told = parsed(exposition(report, Usage(5, 0.5), BOARD))
    assert told["edge_sdk_board_temperature_celsius"] == [({"zone": "cpu-thermal"}, 81.2)]
    assert told["edge_sdk_board_held_back"] == [({"by": "throttled"}, 1)]
    assert told["edge_sdk_board_guard_events_total"] == [({"kind": "under-voltage"}, 3)]
    assert told["edge_sdk_board_clock_share"] == [({}, 0.5)]


def test_a_board_that_tells_nothing_has_no_figures(report):
    told = parsed(exposition(report, Usage(5, 0.5), BoardState()))
    assert not [name for name in told if name.startswith("edge_sdk_board")]


def test_the_rung_of_the_ladder_is_told(report):
    governed = replace(report, governor=GovernorReport("5 fps", 3, 4, 7, "throttled"))
    told = parsed(exposition(governed, Usage(5, 0.5), BOARD))
    assert told["edge_sdk_governor_rung"] == [({"rung": "5 fps"}, 3)]
    assert told["edge_sdk_governor_steps_total"] == [({}, 7)]
