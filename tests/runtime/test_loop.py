from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime import Run, RunOptions
from edge_sdk.runtime.accounting import Accounts
from edge_sdk.runtime.loop import stopping_on_signals
from edge_sdk.runtime.record import SourceReport
from tests.fakes import Keep, Replay, Slow
from tests.runtime.models import COLORS, card

CARDS = [card(name) for name in COLORS]
WRONG = np.zeros((3, 3), np.uint8)


def test_every_sample_of_a_file_is_processed_in_order(colors):
    sink = Keep()
    report = Run(colors, Replay(CARDS * 5), sinks=[sink]).execute()
    assert [outcome.value.classes[0] for outcome in sink.outcomes] == [0, 1, 2] * 5
    assert [sample.seq for sample in sink.samples] == list(range(15))
    assert report.accounts == Accounts(captured=15, delivered=15, results=15)
    assert report.sources == (SourceReport("replay", "every", report.accounts, "ended", reopened=0, hanging=0),)
    assert report.ended == "end"
    assert sink.closed == 1


def test_a_newer_sample_of_a_live_source_replaces_the_one_that_waits(colors):
    sink = Keep()
    report = Run(Slow(colors, 0.05), Replay(CARDS * 10, live=True, stalls_s=(0.002,)), sinks=[sink]).execute()
    replaced = report.accounts.dropped["replaced"]
    assert report.sources[0].policy == "newest"
    assert replaced > 10
    assert report.accounts == Accounts(
        captured=30, delivered=30 - replaced, results=30 - replaced, dropped={"replaced": replaced}
    )
    assert sink.outcomes[-1].seq == 29


def test_a_live_source_may_have_every_sample_processed(colors):
    options = RunOptions(policy="every")
    report = Run(colors, Replay(CARDS * 3, live=True), sinks=[Keep(stalls_s=(0.005,))], options=options).execute()
    assert report.accounts == Accounts(captured=9, delivered=9, results=9)


def test_a_bad_sample_is_counted_and_the_run_goes_on(colors):
    report = Run(colors, Replay([CARDS[0], WRONG, CARDS[1]])).execute()
    assert report.accounts == Accounts(captured=3, delivered=3, results=2, errors=1)
    assert report.failures == ("replay #1: image: expected uint8 [height, width, 3], got uint8 [3, 3]",)


def test_a_sample_that_trips_a_bug_of_ours_is_counted_too(colors):
    report = Run(colors, Replay([CARDS[0], "no array"])).execute()
    assert (report.accounts.results, report.accounts.errors) == (1, 1)
    assert report.failures[0].startswith("replay #1: AttributeError: ")


def test_an_unreadable_sample_is_counted_with_its_name(colors):
    report = Run(colors, Replay([CARDS[0], InputError("b.jpg: expected a picture, got none"), CARDS[1]])).execute()
    assert report.accounts == Accounts(captured=3, delivered=2, results=2, dropped={"unreadable": 1})
    assert report.failures == ("b.jpg: expected a picture, got none",)


def test_many_bad_samples_in_a_row_end_the_run(colors):
    run = Run(colors, Replay([CARDS[0]] + [WRONG] * 100))
    with pytest.raises(InputError, match=r"^image: expected uint8"):
        run.execute()
    assert run.report().ended == "failed"
    assert 30 <= run.report().accounts.errors <= 32  # those that were prepared ahead


def test_a_run_without_any_result_is_an_error(colors):
    with pytest.raises(InputError) as caught:
        Run(colors, Replay([WRONG, WRONG])).execute()
    assert str(caught.value) == (
        "replay: expected at least one result, got 2 samples that all failed; "
        "the first: replay #0: image: expected uint8 [height, width, 3], got uint8 [3, 3]"
    )


def test_a_run_that_was_stopped_needs_no_result(colors):
    run = Run(colors, Replay([WRONG, *CARDS], stalls_s=(0.0, 0.5)))
    threading.Timer(0.2, run.stop).start()
    assert run.execute().accounts == Accounts(captured=2, delivered=1, errors=1, dropped={"stopped": 1})


def test_a_source_that_dies_after_the_run_was_stopped_is_told_but_not_raised(colors):
    run = Run(colors, Replay([*CARDS, UnavailableError("camera:0: gone")], stalls_s=(0.0, 0.0, 0.0, 0.5)))
    threading.Timer(0.2, run.stop).start()
    report = run.execute()
    assert (report.ended, report.failures) == ("stopped", ("camera:0: gone",))


def test_an_empty_source_is_no_error(colors):
    assert Run(colors, Replay([])).execute().accounts == Accounts()


@pytest.mark.parametrize("death", [UnavailableError("camera:0: expected a frame, got none for 5 s"), OSError("gone")])
def test_what_ends_the_source_is_raised_after_the_samples_that_waited(colors, death):
    sink = Keep(stalls_s=(0.01,))
    run = Run(colors, Replay([*CARDS, death]), sinks=[sink])
    with pytest.raises(type(death), match=str(death)):
        run.execute()
    assert run.report().accounts == Accounts(captured=3, delivered=3, results=3)
    assert sink.closed == 1


def test_max_frames_ends_the_run_and_reads_no_more_than_that(colors):
    report = Run(colors, Replay(CARDS * 10), options=RunOptions(max_frames=4)).execute()
    assert report.ended == "max-frames"
    assert report.accounts == Accounts(captured=4, delivered=4, results=4)


def test_duration_ends_a_run_whose_source_says_nothing(colors):
    start_s = time.monotonic()
    source = Replay(CARDS, live=True, stalls_s=(0.0, 0.6))
    report = Run(colors, source, options=RunOptions(duration_s=0.2)).execute()
    assert report.ended == "duration"
    assert report.accounts == Accounts(captured=2, delivered=1, results=1, dropped={"stopped": 1})
    assert time.monotonic() - start_s < 2


def test_a_result_that_is_too_old_is_kept_from_the_sinks(colors):
    sink = Keep()
    source = Replay(CARDS, live=True, stalls_s=(0.0, 0.5, 0.0))
    options = RunOptions(policy="every", max_age_ms=400)
    report = Run(colors, source, sinks=[sink], options=options).execute()
    assert report.accounts == Accounts(captured=3, delivered=3, results=2, stale=1)
    assert [outcome.seq for outcome in sink.outcomes] == [0, 2]


def test_samples_of_a_file_cannot_be_too_old(colors):
    with pytest.raises(InputError, match=r"^max_age_ms: expected a live source, got replay$"):
        Run(colors, Replay(CARDS), options=RunOptions(max_age_ms=100))


@pytest.mark.parametrize("name", ["at_once", "max_frames", "duration_s", "max_age_ms"])
def test_a_limit_of_nothing_is_refused(name):
    with pytest.raises(InputError, match=rf"^{name}: expected more than 0, got 0$"):
        RunOptions(**{name: 0})


def test_a_run_is_stopped_from_another_thread(colors):
    sink = Keep()
    run = Run(Slow(colors, 0.01), Replay(CARDS * 1000), sinks=[sink])
    threading.Timer(0.1, run.stop).start()
    report = run.execute()
    assert report.ended == "stopped"
    assert 0 < report.accounts.results == len(sink.outcomes) < 3000
    assert report.accounts.captured == report.accounts.results + report.accounts.dropped["stopped"]


@pytest.mark.parametrize(("number", "ended"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "stopped")])
def test_a_signal_stops_a_run_and_the_handlers_come_back(colors, number, ended):
    before = signal.getsignal(number)
    run = Run(colors, Replay(CARDS * 1000), sinks=[Keep(stalls_s=(0.01,))])
    threading.Timer(0.1, os.kill, (os.getpid(), number)).start()
    with stopping_on_signals(run):
        assert run.execute().ended == ended
    assert signal.getsignal(number) is before


def test_a_report_tells_where_the_time_went(colors):
    report = Run(colors, Replay(CARDS * 5, live=True), sinks=[Keep()], options=RunOptions(policy="every")).execute()
    stages = ["read", "wait", "preprocess", "infer", "decode", "own", "frame", "sink", "age"]
    assert list(report.stages) == stages
    assert {figures.count for figures in report.stages.values()} == {15}
    assert report.stages["frame"].p50_ms >= report.stages["infer"].p50_ms > 0


def test_the_runtime_itself_costs_less_than_a_millisecond_a_sample(colors):
    report = Run(colors, Replay(CARDS * 200), sinks=[Keep()]).execute()
    assert report.stages["own"].p50_ms < 1.0


@pytest.mark.parametrize(
    ("policy", "at_once", "most"), [("every", 2, 2), ("every", 3, 3), ("every", 1, 1), ("newest", 2, 1)]
)
def test_samples_share_the_model_only_where_all_of_them_count(colors, policy, at_once, most):
    model, options = Slow(colors, 0.02), RunOptions(policy=policy, at_once=at_once)
    report = Run(model, Replay(CARDS * 10, stalls_s=(0.002,)), options=options).execute()
    assert model.most == most
    assert report.accounts.results == model.calls == 30 - report.accounts.dropped.get("replaced", 0)


def test_outcomes_keep_the_order_of_their_samples_however_long_each_one_takes(colors):
    class Uneven(Slow):
        def process(self, sample, **wanted):
            time.sleep(0.004 * (sample.seq % 3 == 0))  # the one behind is done first
            return super().process(sample, **wanted)

    sink = Keep()
    Run(Uneven(colors, 0.001), Replay(CARDS * 20), sinks=[sink], options=RunOptions(at_once=4)).execute()
    assert [outcome.seq for outcome in sink.outcomes] == list(range(60))


def test_the_model_is_exchanged_between_two_samples(colors):
    other = Slow(colors, 0.003, model="other")
    first = Slow(colors, 0.003, model="first")
    sink = Keep()
    run = Run(first, Replay(CARDS * 40), sinks=[sink])
    thread = threading.Thread(target=run.execute)
    thread.start()
    while len(sink.outcomes) < 20:
        time.sleep(0.001)
    assert run.exchange(other) is first
    calls = first.calls
    thread.join()
    models = [outcome.model for outcome in sink.outcomes]
    assert [outcome.seq for outcome in sink.outcomes] == list(range(120))
    assert models == ["first"] * calls + ["other"] * (120 - calls)
    assert (first.calls, run.report().model) == (calls, "other")
