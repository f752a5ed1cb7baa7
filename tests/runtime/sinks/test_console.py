from __future__ import annotations

from edge_sdk.runtime import Run, RunOptions, open_sink
from tests.fakes import Replay
from tests.runtime.models import card


def run(pipeline, source, **options):
    Run(pipeline, source, sinks=[open_sink("console", source)], options=RunOptions(**options)).execute()


def test_each_result_of_a_file_is_a_line(colors, capfd):
    run(colors, Replay([card("red"), card("blue")]))
    lines = capfd.readouterr().out.splitlines()
    assert [line.partition(" 1.00")[0] for line in lines] == ["replay #0: red", "replay #1: blue"]


def test_results_of_a_live_source_are_told_once_a_second(colors, capfd):
    run(colors, Replay([card("red")] * 20, live=True, stalls_s=(0.01,)), policy="every")
    (line,) = capfd.readouterr().out.splitlines()
    assert line.startswith("replay #0  ")
    assert " ms old: red 1.00" in line


def test_names_cannot_drive_the_terminal(colors, capfd):
    source = Replay([card("red")])
    source.name = "\x1b[2J\nx"
    run(colors, source)
    assert capfd.readouterr().out.startswith("\ufffd[2J\ufffdx #0: red")
