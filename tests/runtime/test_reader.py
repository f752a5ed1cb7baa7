"""Live sources that misbehave, in a run: what state they are in, how soon that is seen, and that nothing grows."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime import Feed, Run, RunOptions, open_source
from edge_sdk.runtime.feed import open_feeds
from edge_sdk.runtime.supervision import Limits
from tests.fakes import Keep, NetworkCamera, Replay
from tests.runtime.models import card

QUICK = Limits(stall_s=0.3, hang_s=0.6, frozen_s=0.4, retry_s=0.02, longest_retry_s=0.05)


def noise(count, *, seed=0):
    """Return pictures as a camera gives them: no two are the same."""
    return list(np.random.default_rng(seed).integers(0, 256, (count, 40, 60, 3), np.uint8))


def feed(*scripts, stalls_s=(0.01,)):
    """Return a live source that has a script each time it is opened, the last one for ever; each plays once."""
    left = itertools.chain(scripts, itertools.repeat(scripts[-1]))

    def reopen():
        script = next(left)
        if isinstance(script, Exception):
            raise script
        return Replay(script, live=True, stalls_s=stalls_s, name="camera", fps=0)

    return Feed(reopen(), reopen)


def execute(colors, source, *, limits=QUICK, **options):
    """Run on a source; return the report."""
    return Run(colors, [source], options=RunOptions(limits=limits, **options)).execute()


def transitions(report):
    """Return the states after each event."""
    return [event.after for event in report.events]


def test_a_source_that_is_gone_is_opened_anew_until_it_is_there(colors):
    gone, there = UnavailableError("camera: gone"), noise(5)
    report = execute(colors, feed([*there, gone], gone, gone, [*there, *there]))
    assert transitions(report) == ["reconnecting", "live", "ended"]
    assert [event.cause for event in report.events[:2]] == ["camera: gone", "fresh samples"]
    assert (report.accounts.captured, report.sources[0].reopened) == (15, 3)
    assert report.ended == "end"


def test_a_read_that_hangs_is_seen_from_outside_and_its_thread_left_behind(colors):
    never = threading.Event()
    start_s = time.monotonic()
    report = execute(colors, feed([*noise(3), never], noise(4)))
    assert transitions(report) == ["stalled", "reconnecting", "live", "ended"]
    assert time.monotonic() - start_s < 3
    stalled, reconnecting = (event.at_ns for event in report.events[:2])
    assert 0.2e9 < reconnecting - stalled < 0.6e9
    assert (report.sources[0].hanging, report.accounts.results + report.accounts.dropped.get("replaced", 0)) == (1, 7)
    never.set()


def test_what_a_thread_that_was_left_behind_still_brings_is_lost(colors):
    late = threading.Event()
    threading.Timer(0.9, late.set).start()
    report = execute(colors, feed([*noise(3), late, *noise(1)], noise(200)), policy="every", duration_s=1.5)
    assert report.accounts.dropped["lost"] == 2  # the number that the event had, and the sample
    assert report.sources[0].hanging == 0


def test_there_are_never_more_than_four_threads_left_behind(colors):
    never = threading.Event()
    report = execute(colors, feed([never]), limits=Limits(stall_s=0.1, hang_s=0.1, retry_s=0.01), duration_s=1.5)
    assert (report.sources[0].state, report.sources[0].hanging, report.sources[0].reopened) == ("reconnecting", 4, 3)
    never.set()


def test_frozen_pictures_are_dropped_and_the_source_is_opened_anew(colors):
    still = noise(1) * 300
    report = execute(colors, feed(still, still, [*noise(8, seed=1)]), policy="every")
    assert transitions(report) == ["stalled", "reconnecting", "live", "ended"]
    assert report.events[0].cause == "the same sample for 0.4 s"
    assert report.accounts.dropped["frozen"] > 30
    assert 20 < report.accounts.results < 60


def test_a_source_is_given_up_after_its_time_and_raised(colors):
    gone = UnavailableError("camera: gone")
    limits = Limits(retry_s=0.02, longest_retry_s=0.05, reconnect_for_s=0.3)
    run = Run(colors, [feed([*noise(3), gone], gone)], options=RunOptions(limits=limits))
    with pytest.raises(UnavailableError, match=r"^camera: gone$"):
        run.execute()
    assert transitions(run.report()) == ["reconnecting", "dead"]


def test_samples_that_all_cannot_be_read_are_a_source_that_is_gone(colors):
    broken = [InputError("camera: expected a picture, got none")] * 40
    report = execute(colors, feed([*noise(1), *broken], noise(2)))
    assert report.accounts.dropped["unreadable"] == 30
    assert report.events[0].cause == "camera: expected samples, got 30 in a row that cannot be read"


def test_a_dark_camera_is_told_and_loses_nothing(colors):
    rng = np.random.default_rng(0)
    dark = [rng.integers(0, 4, (40, 60, 3), np.uint8) for _ in range(80)]
    report = execute(colors, feed(dark, stalls_s=(0.1,)), limits=Limits())
    assert [(event.before, event.after) for event in report.events] == [("clear", "black"), ("live", "ended")]
    assert report.accounts.results == 80


def test_a_gate_that_fails_lets_the_sample_through(colors):
    def fail(_):
        raise ValueError("no picture before")

    report = Run(colors, [Feed(Replay([card("red")] * 3), gate=fail)]).execute()
    assert report.accounts.results == 3
    assert report.failures[0] == "replay #0: ValueError: no picture before"


def test_a_source_that_is_not_there_at_the_start_is_tried_again_beside_another(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 4)))
    absent, there = open_feeds(["rtsp://user:secret@127.0.0.1:9/a#timeout_s=2", str(tmp_path / "x.npy")])
    assert (absent.source.name, absent.source.live, there.reopen) == ("rtsp://127.0.0.1:9/a", True, None)
    with pytest.raises(UnavailableError, match=r"^rtsp://127.0.0.1:9/a: expected a video stream"):
        absent.source.read()


def test_no_source_at_all_is_an_error_at_the_start():
    with pytest.raises(UnavailableError, match=r"^camera:63: expected a camera at /dev/video63"):
        open_feeds(["camera:63", "camera:64"])


def test_a_network_camera_that_goes_mute_resets_and_repeats_comes_back(colors):
    with NetworkCamera("reset", "mute", "repeat", "good") as camera:
        reopen = lambda: open_source(camera.uri)  # noqa: E731
        sink = Keep()
        run = Run(colors, [Feed(reopen(), reopen)], sinks=[sink], options=RunOptions(limits=QUICK, duration_s=8))
        report = run.execute()
    causes = [event.cause for event in report.events]
    assert f"{camera.uri}: expected a frame, got the end of the stream" in causes
    assert "no sample for 0.6 s" in causes
    assert "the same sample for 0.4 s" in causes
    assert report.sources[0].state == "live"
    assert report.accounts.dropped["frozen"] > 10
    assert len(sink.outcomes) > 20


def test_a_hundred_reconnects_leave_no_threads_files_or_memory_behind(colors):
    with NetworkCamera("reset", period_s=0.0) as camera:
        reopen = lambda: open_source(camera.uri)  # noqa: E731
        limits = Limits(retry_s=0.005, longest_retry_s=0.005)
        run = Run(colors, [Feed(reopen(), reopen)], options=RunOptions(limits=limits))
        thread = threading.Thread(target=run.execute)
        thread.start()
        before = after(run, reopened=20)
        grown = [now - then for now, then in zip(after(run, reopened=120), before, strict=True)]
        run.stop()
        thread.join()
    threads, files, memory_bytes = grown
    assert threads <= 2  # those of the camera, that of the next attempt
    assert files <= 4
    assert memory_bytes < 20e6


def after(run, *, reopened):
    """Return the threads, open files and resident bytes of this process after so many attempts."""
    while run.report().sources[0].reopened < reopened:
        time.sleep(0.01)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir())), resident
