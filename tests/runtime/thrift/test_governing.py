"""The governor of real runs, on boards that are folders."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager

import pytest

from edge_sdk.errors import InputError
from edge_sdk.runtime import Pipeline, Run, RunOptions
from edge_sdk.runtime.active import Active
from edge_sdk.runtime.books import Books
from edge_sdk.runtime.inbox import Inboxes
from edge_sdk.runtime.thrift.governing import Governing
from edge_sdk.runtime.thrift.governor import GovernorOptions, GovernorReport, Rung
from edge_sdk.session import host_config
from tests.fakes import Keep, Replay, Slow
from tests.runtime.models import card
from tests.sysfs import lay

RATES = (Rung("full"), Rung("20 fps", 20), Rung("10 fps", 10))
CARDS = [card("red"), card("blue")]


def heat(root, degrees):
    lay(root / "sys/class/thermal/thermal_zone0", {"type": "cpu-thermal", "temp": round(degrees * 1000)})


def wait_for(happens, *, limit_s=20.0):
    end_s = time.monotonic() + limit_s
    while not happens():
        assert time.monotonic() < end_s, "it never happened"
        time.sleep(0.02)


@contextmanager
def governed(options, root, active=None):
    books = Books()
    governing = Governing(options, active.exchange if active else lambda _: None, books=books, root=root)
    with governing.running():
        yield governing, books


def test_a_run_that_is_late_takes_fewer_pictures_evenly_and_tells_why(colors):
    sink = Keep()
    governor = GovernorOptions(RATES, deadline_ms=5, down_after_s=0.5)
    source = Replay(CARDS * 200, live=True, stalls_s=(0.01,))
    run = Run(Slow(colors, 0.008), source, sinks=[sink], options=RunOptions(governor=governor))
    report = run.execute()
    steps = [event for event in sink.events if event.source == "governor"]
    assert [(event.before, event.after) for event in steps] == [("full", "20 fps"), ("20 fps", "10 fps")]
    assert re.fullmatch(r"p95 \d+ ms, deadline 5 ms", steps[0].cause)
    assert report.governor == GovernorReport("10 fps", 2, 3, 2, report.governor.cause)
    accounts = report.accounts
    assert accounts.captured == 400 == accounts.delivered + sum(accounts.dropped.values())
    assert accounts.dropped["slowed"] > 20
    stamps_ns = [outcome.captured_ns for outcome in sink.outcomes if outcome.captured_ns > steps[1].at_ns]
    assert 3 < len(stamps_ns) <= (stamps_ns[-1] - stamps_ns[0]) / 1e8 + 2


def test_a_hot_board_does_less_until_it_is_cool(tmp_path):
    heat(tmp_path, 85)
    options = GovernorOptions(RATES, down_after_s=0.5, up_after_s=0.5)
    with governed(options, tmp_path) as (governing, books):
        (limit,) = governing.gates()
        wait_for(lambda: limit.fps == 10)
        assert governing.report().cause == "85.0 °C, limit 80 °C"
        heat(tmp_path, 60)
        wait_for(lambda: limit.fps is None)
    assert [event.after for event in books.events.last] == ["20 fps", "10 fps", "20 fps", "full"]
    assert governing.report().steps == 4


def test_a_brown_out_between_two_looks_is_seen(tmp_path):
    firmware = "sys/devices/platform/soc/soc:firmware/get_throttled"
    lay(tmp_path, {firmware: "10000"})  # before the run: no cause of ours
    with governed(GovernorOptions(RATES, down_after_s=0.01), tmp_path) as (_, books):
        time.sleep(1.5)
        assert books.events.count == 0
        for number in range(8):
            lay(tmp_path, {firmware: ("50000", "10000")[number % 2]})
            time.sleep(0.7)
        wait_for(lambda: books.events.count)
    assert books.events.last[0].cause == "throttled"


def test_a_smaller_model_takes_over_and_gives_back(tmp_path, colors_manifest, colors_model):
    heat(tmp_path, 85)

    def open_model():
        return Pipeline(colors_manifest, colors_model, config=host_config())

    big, small = open_model(), open_model()
    again = open_model()
    ladder = (Rung("full", open_model=lambda: again), Rung("small", open_model=lambda: small))
    active = Active(big, Inboxes([]))
    with governed(GovernorOptions(ladder, down_after_s=0.1, up_after_s=0.1), tmp_path, active):
        wait_for(lambda: active.pipeline is small)
        wait_for(lambda: not hasattr(big, "session"))
        heat(tmp_path, 50)
        wait_for(lambda: active.pipeline is again)
    assert not hasattr(small, "session")
    assert not hasattr(again, "session")  # the run is over


def test_a_model_that_cannot_be_opened_is_told_and_the_run_stays_where_it_is(tmp_path, colors):
    heat(tmp_path, 85)

    def fail():
        raise InputError("small-1.edge: expected a file, got none")

    ladder = (Rung("full", open_model=lambda: colors), Rung("small", 5, open_model=fail))
    active = Active(colors, Inboxes([]))
    with governed(GovernorOptions(ladder, down_after_s=0.1), tmp_path, active) as (governing, books):
        (limit,) = governing.gates()
        wait_for(lambda: books.failures.lines)
        assert (governing.report().rung, governing.report().steps, limit.fps) == ("full", 0, None)
    assert books.failures.lines[0] == "governor: small: small-1.edge: expected a file, got none"
    assert active.pipeline is colors


def test_files_have_no_governor(colors):
    with pytest.raises(InputError, match="governor: expected a live source, got replay"):
        Run(colors, Replay(CARDS), options=RunOptions(governor=GovernorOptions(RATES)))
