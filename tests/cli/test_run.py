"""`edge-sdk run` as its user sees it: a process with an exit code, two streams and signals."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time

import cv2
import pytest

from edge_sdk.media import VideoFile
from tests.fakes import NetworkCamera
from tests.runtime.models import COLORS, card, moving_card, write_clip, write_colors, write_moving
from tests.runtime.swap.candidates import colors as build_candidate
from tests.runtime.swap.candidates import write as write_candidate

EDGE_SDK = [sys.executable, "-c", "from edge_sdk.cli import main; main()"]


@pytest.fixture
def package(tmp_path):
    return write_colors(tmp_path / "colors-1.edge")


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mp4", [card(name, size_wh=(96, 64)) for name in COLORS * 4])


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("long") / "long.mp4", [card("red", size_wh=(320, 240))] * 4000)


def run(*arguments):
    """Run the command to its end; return its exit code, stdout and stderr."""
    ended = subprocess.run([*EDGE_SDK, "run", *map(str, arguments)], capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def test_results_go_to_stdout_and_the_accounts_to_stderr(package, clip):
    code, out, err = run(package, "--source", clip)
    assert code == 0
    assert [line.split(": ")[1].split()[0] for line in out.splitlines()] == [*COLORS] * 4
    assert err.splitlines()[0].startswith(f"{clip}: at its end after ")
    assert "captured 12 = 12 delivered + 0 dropped" in err.splitlines()
    assert "delivered 12 = 12 results + 0 errors + 0 stale" in err.splitlines()


def test_json_is_the_report(package, clip, tmp_path):
    code, out, err = run(package, "--source", clip, "--sink", f"jsonl:{tmp_path}/r.jsonl", "--json", "--max-frames", 7)
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert (report["sources"][0]["name"], report["sources"][0]["policy"]) == (str(clip), "every")
    assert report["ended"] == "max-frames"
    assert report["accounts"]["results"] == len((tmp_path / "r.jsonl").read_text().splitlines()) == 7
    assert report["stages"]["frame"]["p50_ms"] > 0


def test_several_sources_are_told_one_by_one_and_together(package, clip, tmp_path):
    cv2.imwrite(str(tmp_path / "one.png"), card("blue"))
    code, out, err = run(package, "--source", clip, "--source", tmp_path / "one.png")
    assert (code, len(out.splitlines())) == (0, 13)
    lines = err.splitlines()
    assert lines[0].startswith(f"{clip}, {tmp_path}/one.png: at its end after ")
    assert f"{clip}: captured 12 = 12 delivered + 0 dropped" in lines
    assert f"{tmp_path}/one.png: delivered 1 = 1 results + 0 errors + 0 stale" in lines
    assert "captured 13 = 13 delivered + 0 dropped" in lines


def test_a_camera_that_is_given_up_is_the_exit_code_after_all_else_is_done(package, clip):
    with NetworkCamera("reset") as camera:
        sources = ["--source", camera.uri, "--source", clip]
        code, out, err = run(package, *sources, "--reconnect-for", 0, "--sink", "jsonl:-")
    assert (code, [json.loads(line)["source"] for line in out.splitlines()].count(str(clip))) == (5, 12)
    assert f"{camera.uri}: dead, opened anew 0 times, 0 reads hanging" in err.splitlines()
    assert f"error: {camera.uri}: expected a frame, got the end of the stream" in err.splitlines()
    assert "reconnecting, was live" in err


def test_json_lines_and_the_report_do_not_mix_on_stdout(package, clip):
    code, out, err = run(package, "--source", clip, "--sink", "jsonl:-", "--json")
    assert (code, out) == (3, "")
    assert err == ("error: sink: expected stdout for --json alone, got console or jsonl:- too\nhint: write to a file\n")


def test_several_sinks_get_the_same_results(package, clip, tmp_path):
    sinks = [f"--sink={sink}" for sink in ("jsonl:-", f"jsonl:{tmp_path}/r.jsonl", f"video:{tmp_path}/out.mp4")]
    code, out, _ = run(package, "--source", clip, *sinks)
    assert code == 0
    assert out == (tmp_path / "r.jsonl").read_text()
    with VideoFile(tmp_path / "out.mp4") as video:
        assert (video.frames, video.size_wh) == (12, (96, 64))


def test_an_unreadable_picture_is_told_and_counted(package, tmp_path):
    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures/a.png"), card("blue"))
    (tmp_path / "pictures/b.jpg").write_bytes(b"broken")
    code, _, err = run(package, "--source", tmp_path / "pictures", "--sink", "none")
    assert code == 0
    assert f"{tmp_path}/pictures/b.jpg: expected a picture, got 6 bytes that cannot be decoded" in err
    assert "captured 2 = 1 delivered + 1 unreadable" in err


@pytest.mark.parametrize(
    "source", ["camera:63", "camera:/dev/null", "cut.mp4", "lost.mp4", "text.mp4", "http://127.0.0.1:9/"]
)
def test_of_a_source_that_cannot_be_opened_one_error_is_told(package, clip, tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[:-1000])
    (tmp_path / "lost.mp4").write_bytes(clip.read_bytes().replace(b"stco", b"free"))
    (tmp_path / "text.mp4").write_text("no video")
    code, out, err = run(package, "--source", source)
    assert (code, out) == (3 if source.endswith(".mp4") else 5, "")
    assert [line.partition(": ")[0] for line in err.splitlines()] in (["error"], ["error", "hint"])


def await_lines(path, count):
    """Wait until a file has so many lines."""
    for _ in range(600):
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} has too few lines")


@pytest.mark.parametrize(
    ("number", "code", "ended"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 0, "stopped")]
)
def test_a_signal_ends_a_run_in_good_order(package, long_clip, tmp_path, number, code, ended):
    lines, video = tmp_path / "r.jsonl", tmp_path / "out.mp4"
    arguments = ["run", package, "--source", long_clip, f"--sink=jsonl:{lines}", f"--sink=video:{video}", "--json"]
    process = subprocess.Popen([*EDGE_SDK, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    await_lines(lines, 30)
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    accounts = json.loads(out)["accounts"]
    results = [json.loads(line) for line in lines.read_text().splitlines()]
    assert (process.returncode, json.loads(out)["ended"]) == (code, ended)
    assert [result["seq"] for result in results] == list(range(accounts["results"]))
    assert accounts["captured"] == accounts["delivered"] + accounts["dropped"].get("stopped", 0) < 4000
    assert accounts["delivered"] == accounts["results"] >= 30
    with VideoFile(video) as played:
        assert len(list(played)) == accounts["results"]


def test_a_run_that_is_killed_leaves_whole_lines_and_no_half_video(package, long_clip, tmp_path):
    lines, video = tmp_path / "r.jsonl", tmp_path / "out.mp4"
    arguments = ["run", package, "--source", long_clip, f"--sink=jsonl:{lines}", f"--sink=video:{video}", "--json"]
    process = subprocess.Popen([*EDGE_SDK, *map(str, arguments)], stdout=subprocess.PIPE)
    await_lines(lines, 30)
    process.kill()
    process.communicate(timeout=30)
    assert [json.loads(line)["seq"] for line in lines.read_text().splitlines()][:30] == list(range(30))
    assert lines.read_text().endswith("\n")
    assert not video.exists()


def test_a_full_disk_ends_the_run_with_its_accounts(package, clip):
    code, _, err = run(package, "--source", clip, "--sink", "jsonl:/dev/full")
    assert code == 5
    assert "error: /dev/full: expected room to write, got a full disk\nhint: free some space and repeat\n" in err
    assert re.search(r"^jsonl:/dev/full: 0 written \+ \d+ dropped \+ 1 failed$", err, re.MULTILINE)


def test_a_reader_that_goes_away_ends_the_run(package, long_clip):
    command = [*EDGE_SDK, "run", package, "--source", long_clip, "--sink", "jsonl:-"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert json.loads(process.stdout.readline())["seq"] == 0
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(timeout=30) == 5
    assert "error: standard output: expected a place to write, got Broken pipe" in err
    assert "Exception ignored" not in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--source", "camera:63"], 5, "error: camera:63: expected a camera at /dev/video63, got nothing there"),
        (["--source", "none.mp4"], 3, "error: none.mp4: expected a video file, got nothing there"),
        (["--source", "x.mp4", "--max-frames", "0"], 3, "error: max_frames: expected more than 0, got 0"),
        (["--source", "x.mp4", "--profile", "jetson-orin-nan"], 3, "error: profile: expected a known board or a .toml"),
        (["--source", "x.mp4", "--score-threshold", "0.5"], 3, "error: score_threshold: expected a model of boxes"),
        (["--source", "x.mp4", "--policy", "some"], 2, "Invalid value for '--policy'"),
        ([], 2, "Missing option '--source'"),
    ],
)
def test_what_is_wrong_is_told(package, arguments, code, message):
    ended, out, err = run(package, *arguments)
    assert (ended, out) == (code, "")
    assert message in err
    assert "Traceback" not in err


def test_things_are_followed_and_counted(tmp_path):
    package = write_moving(tmp_path / "moving-1.edge")
    clip = write_clip(tmp_path / "clip.mp4", [moving_card(i) for i in range(30)])
    counters = ("--line", "middle=48,64,48,0", "--zone", "right=48,0,96,64")
    code, out, err = run(package, "--source", clip, "--sink", "jsonl:-", *counters)
    rows = [json.loads(line)["value"] for line in out.splitlines()]
    assert (code, len(rows)) == (0, 30), err
    assert rows[-1]["boxes"][0]["track"] == 1
    assert rows[-1]["lines"]["middle"] == {"in": 1, "out": 0, "missed_at_most": 0}
    assert rows[-1]["zones"]["right"]["entered"] == 1
    assert [len(row["crossings"]) for row in rows].count(1) == 1


def test_what_cannot_be_followed_is_told(package, clip):
    code, _, err = run(package, "--source", clip, "--sink", "none", "--track")
    assert code == 3
    assert "track: expected a model of boxes, got Classification" in err
    code, _, err = run(package, "--source", clip, "--line", "door=1,2")
    assert (code, err) == (3, "error: --line: expected NAME=x1,y1,x2,y2 in pixels, got 'door=1,2'\n")


def test_pictures_in_which_nothing_moves_are_left_out_and_counted(package, tmp_path):
    still = write_clip(tmp_path / "still.mp4", [card("red", size_wh=(96, 64))] * 60)
    code, _, err = run(package, "--source", still, "--motion-gate", 6)
    assert code == 0
    assert re.search(r"captured 60 = \d+ delivered \+ \d\d? gated", err)


def test_a_motion_gate_of_no_grey_level_is_refused(package, clip):
    code, _, err = run(package, "--source", clip, "--motion-gate", 300)
    assert code == 3
    assert "motion threshold: expected more than 0 and at most 255 levels, got 300" in err


def test_a_package_is_followed_where_its_path_leads(tmp_path):
    link, out = tmp_path / "current.edge", tmp_path / "out.jsonl"
    for version, factor in ((1, 10.0), (2, 11.0)):
        write_candidate(tmp_path / f"colors-{version}.edge", build_candidate(factor), version=version)
    link.symlink_to("colors-1.edge")
    with NetworkCamera("good", period_s=0.03) as camera:
        words = [link, "--source", camera.uri, "--sink", f"jsonl:{out}", "--json", "--duration", "30"]
        options = ["--follow-package", "--shadow-samples", "3", "--swap-watch", "0.2", "--policy", "every"]
        running = subprocess.Popen([*EDGE_SDK, "run", *map(str, words), *options], stdout=subprocess.PIPE, text=True)
        wait_for(lambda: len(models(out)) == 1)
        (tmp_path / "new.edge").symlink_to("colors-2.edge")
        (tmp_path / "new.edge").replace(link)
        wait_for(lambda: len(models(out)) == 2)
        time.sleep(1)
        running.send_signal(signal.SIGTERM)
        report = json.loads(running.communicate(timeout=20)[0])
    assert [(swap["state"], swap["package"]) for swap in report["swaps"]] == [("done", str(link))]
    assert report["accounts"]["results"] == report["accounts"]["captured"] - sum(report["accounts"]["dropped"].values())


def models(path):
    """Return the models that made the results, in the order in which they came."""
    lines = path.read_text().splitlines() if path.exists() else []
    return list(dict.fromkeys(json.loads(line)["model"] for line in lines[:-1]))


def wait_for(is_so):
    end_s = time.monotonic() + 20
    while not is_so() and time.monotonic() < end_s:
        time.sleep(0.05)
    assert is_so()


def test_a_camera_whose_results_are_late_is_slowed_step_by_step(package):
    with NetworkCamera("good") as camera:
        ladder = ["--ladder", "fps=20,4", "--deadline-ms", 0.01]
        code, out, err = run(package, "--source", camera.uri, *ladder, "--duration", 8, "--json")
    report = json.loads(out)
    steps = [event for event in report["events"] if event["source"] == "governor"]
    assert (code, steps[0]["before"], steps[0]["after"]) == (0, "full", "20 fps")
    assert steps[0]["cause"].endswith("deadline 0.01 ms")
    assert report["governor"]["number"] == len(steps)
    assert report["accounts"]["dropped"]["slowed"] > 0
    assert "governor: 20 fps, was full: p95 " in err


def test_files_are_not_slowed(package, clip):
    code, _, err = run(package, "--source", clip, "--ladder", "fps=5")
    assert code == 3
    assert f"governor: expected a live source, got {clip}" in err
