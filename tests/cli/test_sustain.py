"""How a sustained measurement is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_sdk.cli.sustain import look_line, require_bars, sustain_lines
from edge_sdk.errors import GateError
from edge_sdk.runtime.accounting import Accounts
from edge_sdk.runtime.metrics import Figures
from edge_sdk.runtime.record import RunReport, SourceReport
from edge_sdk.runtime.sustain.processors import Processors
from edge_sdk.runtime.sustain.record import Course, Disturbance, Look, Stretch, SustainReport
from edge_sdk.runtime.thrift.board import BoardState
from edge_sdk.runtime.usage import Usage


def report(**values):
    """Return a measurement in which nothing happened but what is told."""
    figures = Figures(100, 1.0, 2.0, 3.0, 4.0)
    accounts = Accounts(100, 100, 100)
    source = SourceReport("camera:0", "newest", accounts, "live", 0, 0)
    run = RunReport("a" * 64, "duration", 60.0, 10.0, accounts, (source,), (), {"frame": figures}, (), ())
    stretch = Stretch(0.0, 20.0, 10.0, 5.0, 10**8)
    ends = {"first": stretch, "last": stretch, "bare_start": figures, "bare_end": figures}
    usual = SustainReport(
        valid=True, disturbances=(), told_by=("firmware", "cooling devices"), shortened=False, bars=(), notes=(),
        asked_s=60.0, providers=("CPUExecutionProvider",), run=run, **ends, slower_percent=0.0, bare_slower_percent=0.0,
        cpu_cores=1.5, outside_cores=None, start_memory_bytes=10**8, end_memory_bytes=10**8, peak_memory_bytes=10**8,
        temperature_c=None, clock_hz=None,
    )  # fmt: skip
    return replace(usual, **values)


def test_a_machine_that_was_held_back_is_said_first_with_its_cure():
    held_back = Disturbance("throttled", "seen in 12 of 61 looks, first after 31 s", "cool it")
    told = report(valid=False, disturbances=(held_back,))
    assert next(sustain_lines(told)) == "INVALID: throttled: seen in 12 of 61 looks, first after 31 s; cool it"
    with pytest.raises(
        GateError, match=r"^measurement: expected a machine that is not held back, got throttled$"
    ) as got:
        require_bars(told)
    assert (got.value.exit_code, got.value.hint) == (6, "cool it")


def test_what_tells_that_it_was_not_is_named():
    assert next(sustain_lines(report())) == "valid: the machine was not held back, by its firmware and cooling devices"
    unknown = "valid as far as is known: nothing here tells whether the machine was held back"
    assert next(sustain_lines(report(told_by=()))) == unknown


@pytest.mark.parametrize(
    ("ours", "bare", "said"),
    [
        (1.0, 9.0, "a sample took +1.0 % at the end, onnxruntime alone +9.0 %"),
        (20.0, 18.0, "a sample took +20.0 % at the end, onnxruntime alone +18.0 %: the machine became slower"),
        (
            20.0,
            1.0,
            "… +20.0 % at the end, onnxruntime alone +1.0 %: not the machine, but what runs on it became slower",
        ),
    ],
)
def test_who_became_slower_is_told(ours, bare, said):
    lines = list(sustain_lines(report(slower_percent=ours, bare_slower_percent=bare)))
    assert said.replace("…", "a sample took") in lines


def test_the_course_of_heat_and_clock_is_told():
    course, clock = Course(50.0, 49.5, 71.25, 70.0), Course(1.5e9, 6e8, 2.4e9, 2.4e9)
    lines = list(sustain_lines(report(temperature_c=course, clock_hz=clock)))
    assert "temperature 50.0 °C at the start, 70.0 °C at the end, 49.5 °C to 71.2 °C" in lines
    assert "clock 1500 MHz at the start, 2400 MHz at the end, 600 MHz to 2400 MHz" in lines
    assert "temperature not told here" in list(sustain_lines(report()))


def test_the_progress_tells_rate_heat_and_what_holds_back():
    used, idle = Usage(0, 0.0), Processors()
    hot = BoardState(temperature_c=81.4, held_back=frozenset({"throttled"}))
    before, now = Look(1.0, BoardState(), idle, used, 20, 0.0), Look(3.0, hot, idle, used, 80, 0.0)
    assert look_line(now, before) == "30.0 results/s  81 °C  throttled!"
    assert look_line(before, None) == "20.0 results/s"
