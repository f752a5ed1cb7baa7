from __future__ import annotations

from pathlib import Path

import pytest

from edge_sdk.runtime.sustain.processors import Processors, read_processors
from tests.sysfs import lay

STAT = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 100 20 30 4000 50 6 7 8 90 0\ncpu1 1 0 0 0 0 0 0 0 0 0\nintr 5"


def test_work_and_clock_of_each_processor_are_read(tmp_path):
    lay(tmp_path, {"proc/stat": STAT, "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "1500000"})
    now = read_processors(tmp_path)
    assert now.busy_s == {"cpu0": pytest.approx(1.71), "cpu1": pytest.approx(0.01)}  # ticks of 10 ms; no idle, no wait
    assert now.clock_hz == {"cpu1": 1.5e9}


def test_a_machine_that_tells_nothing_has_no_processors(tmp_path):
    assert read_processors(tmp_path) == Processors()


def test_this_machine_has_worked():
    assert sum(read_processors(Path("/")).busy_s.values()) > 0


def test_a_processor_that_was_switched_on_meanwhile_is_not_compared():
    assert Processors({"cpu0": 5.0, "cpu1": 9.0}).worked_since(Processors({"cpu0": 3.0})) == {"cpu0": 2.0}
