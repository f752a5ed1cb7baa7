"""`edge-sdk quantize`, as a user runs it: a process, files, exit codes, one line for what is wrong."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from edge_sdk import records
from edge_sdk.package import open_package
from edge_sdk.quantize.report import QuantReport
from tests.quantize.cards import FLAGS, build_classifier, save, write_cards, write_labels, write_names

EDGE_SDK = [sys.executable, "-c", "from edge_sdk.cli import main; main()"]
CARDS = ("--calibration", "cards", *FLAGS)
LABELS = ("--labels", "labels.csv", "--class-names", "names.txt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with models, good and bad, pictures and labels."""
    folder = tmp_path_factory.mktemp("quantize")
    write_cards(folder / "cards", range(40))
    write_labels(folder / "labels.csv", range(40), role="eval")
    (folder / "cards" / "labels.csv").write_text((folder / "labels.csv").read_text())
    write_names(folder / "names.txt")
    good = save(build_classifier(), folder / "m.onnx").read_bytes()
    save(build_classifier(outlier=True), folder / "outlier.onnx")
    (folder / "text.onnx").write_text("no model at all\n" * 9)
    (folder / "cut.onnx").write_bytes(good[: len(good) // 2])
    (folder / "newer.onnx").write_bytes(good.replace(b"B\x04\n\x00\x10\x11", b"B\x04\n\x00\x10\x63"))
    (folder / "older.onnx").write_bytes(good.replace(b"B\x04\n\x00\x10\x11", b"B\x04\n\x00\x10\x05"))
    _write_bad_data(folder)
    return folder


def _write_bad_data(folder):
    (folder / "empty").mkdir()
    (write_cards(folder / "spoiled", range(40)) / "card-020.png").write_bytes(b"no picture")
    (folder / "taken.edge").mkdir()
    (folder / "list.csv").write_text("file\ncards/card-001.png\ncards/gone.png\n")
    (folder / "torn.npz").write_bytes(b"PK\x03\x04torn")
    np.savez(folder / "shapes.npz", x=np.zeros((9, 5, 5), np.float32))
    (folder / "others.csv").write_text("file,label\nx.png,0\ny.png,1\n")
    (folder / "half.csv").write_text("file,label\ncard-001.png,0\ny.png,1\n")
    (folder / "violet.csv").write_text("file,label\ncard-001.png,violet\n")
    (folder / "wrong.toml").write_text("[image]\nsize_wh = [32, 24]\ncolour = 'rgb'\n")
    (folder / "right.toml").write_text("[image]\nsize_wh = [32, 24]\n")


@pytest.fixture
def quantize(folder, tmp_path):
    """Run the command in the folder; return its exit code, stdout and stderr. It must leave no temporary file."""

    def run(*arguments, **options):
        command = [*EDGE_SDK, "quantize", *map(str, arguments)]
        env = {**os.environ, "TMPDIR": str(tmp_path / "temporary"), "COLUMNS": "100", "XDG_CACHE_HOME": str(tmp_path)}
        ended = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, **options)
        assert list((tmp_path / "temporary").iterdir()) == []
        return ended.returncode, ended.stdout, ended.stderr

    (tmp_path / "temporary").mkdir()
    return run


def test_it_tells_what_was_made_and_writes_it(quantize, tmp_path):
    package = tmp_path / "new" / "m.edge"
    code, out, err = quantize("m.onnx", "-p", "raspberry-pi-5", *CARDS, *LABELS, "--max-drop", "9", "-o", package)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("m version 1: classification, from m.onnx (0.0")
    assert lines[1] == "calibrated on 40 samples, measured on 40 (labels.csv)"
    assert "the budget of 9 points is certified; agrees with the float model on 100.0% of 40 samples" in out
    assert lines[-1] == f"wrote {package}"
    assert open_package(package).manifest.labels == ("red", "green", "blue")


def test_json_is_the_record_that_is_in_the_package(quantize, tmp_path):
    boards = ("-p", "raspberry-pi-5", "-p", "x86-64-vnni")
    code, out, err = quantize("m.onnx", *boards, *CARDS, "--name", "cards", "--json", "-o", tmp_path / "m.edge")
    assert (code, err) == (0, "")
    report = records.read(QuantReport, json.loads(out), where="stdout")
    assert (report.name, [variant.family for variant in report.variants]) == ("cards", ["arm-int8", "x86-int8"])
    package = open_package(tmp_path / "m.edge")
    entry = next(entry for entry in package.files if entry.name == "report.json")
    assert out == package.read(entry).decode()


def test_a_declaration_in_a_file_does_what_the_flags_do(quantize, tmp_path):
    data = ("-p", "raspberry-pi-5", "--calibration", "cards")
    assert quantize("m.onnx", *data, *FLAGS, "-o", tmp_path / "flags.edge")[0] == 0
    assert quantize("m.onnx", *data, "--preprocess", "right.toml", "-o", tmp_path / "file.edge")[0] == 0
    assert (tmp_path / "flags.edge").read_bytes() == (tmp_path / "file.edge").read_bytes()


BAD_MODELS = [
    (["none.onnx"], 3, "none.onnx: expected a readable file, got No such file or directory"),
    (["cards"], 3, "cards: expected a readable file, got Is a directory"),
    (["text.onnx"], 3, "text.onnx: expected an ONNX model, got a file that cannot be read as one"),
    (["cut.onnx"], 3, "cut.onnx: expected an ONNX model, got a file that cannot be read as one"),
    (["newer.onnx"], 3, "newer.onnx: expected operator set "),
    (["older.onnx"], 3, "older.onnx: expected operator set 13 to 28, got 5, which cannot be converted: "),
]
BAD_DATA = [
    (["--calibration", "none"], 3, "none: expected data, got nothing there"),
    (["--calibration", "empty"], 3, "empty: expected pictures (jpg, png, bmp, webp, tiff, ppm), got none"),
    (["--calibration", "spoiled"], 3, "spoiled/card-020.png: expected a picture, got 10 bytes that cannot be decoded"),
    (["--calibration", "list.csv"], 3, "list.csv: expected the file cards/gone.png in ., got nothing there"),
    (["--calibration", "torn.npz"], 3, "torn.npz: expected pictures or a video for picture steps, got arrays"),
    (["--calibration", "x" * 300], 5, f"{'x' * 300}: expected what can be used, got File name too long"),
    (["--labels", "none.csv"], 3, "none.csv: expected a readable file, got No such file or directory"),
    (["--labels", "others.csv"], 3, "others.csv: expected labels of files in . or cards, got none that is there"),
    (["--labels", "half.csv"], 3, "half.csv: expected the file y.png in . or cards, got nothing there"),
    (["--labels", "violet.csv"], 3, "violet.csv: expected a class name or 0 to 2 for card-001.png, got 'violet'"),
    (["--class-names", "none.txt"], 3, "none.txt: expected a readable file, got No such file or directory"),
]
BAD_SETTINGS = [
    (["-o", "m.zip"], 3, "--output: expected a file NAME.edge, got m.zip"),
    (["-o", "taken.edge"], 3, "taken.edge: expected a file or nothing there, got a folder or a device"),
    (["-o", "/dev/null/m.edge"], 5, "/dev/null/m.edge: expected a place to write, got Not a directory"),
    (["-o", "/proc/m.edge"], 5, "/proc/m.edge: expected a place to write, got "),
    (["-p", "raspberry-pi5"], 3, "profile: expected a known board or a .toml file, got 'raspberry-pi5'; did you mean"),
    (["-p", "none.toml"], 3, "none.toml: expected a readable file, got No such file or directory"),
    (["-p", "raspberry-pi-5"], 3, "profile: expected each board once, got raspberry-pi-5, raspberry-pi-5"),
    (["--preprocess", "right.toml"], 3, "--preprocess: expected the file or flags, got both (--normalize, --resize"),
    (["--resize", "crop:²"], 3, "--resize: expected stretch, letterbox, crop or crop:256, got 'crop:²'"),
    (["--input-shape", "x=1x0"], 3, "--input-shape: expected NAME=1x3x224x224, got 'x=1x0'"),
    (["--input-shape", "z=1x3"], 3, "m.onnx: expected a shape for one of its inputs (x), got z"),
    (["--max-drop", "nan"], 3, "max-drop: expected 0 to 100, got nan"),
    (["--version", "0"], 3, "version: expected 1 or more, got 0"),
    (["--name", "a b"], 3, "name: expected letters, digits, '.', '_', '-', got 'a b'"),
    (["--task", "detection"], 3, "task: expected outputs of detection ("),
]


@pytest.mark.parametrize(("change", "code", "message"), [*BAD_MODELS, *BAD_DATA, *BAD_SETTINGS])
def test_what_is_wrong_is_one_line(quantize, folder, tmp_path, change, code, message):
    arguments = ["m.onnx", "-p", "raspberry-pi-5", *CARDS, "-o", tmp_path / "m.edge"]
    arguments = [*change, *arguments[1:]] if change[0][0] != "-" else [*arguments, *change]
    before = sorted(folder.rglob("*"))
    ended, out, err = quantize(*arguments)
    error, *hints = err.splitlines()
    assert (ended, out) == (code, "")
    assert error.startswith(f"error: {message}")
    assert len(hints) <= 1
    assert all(line.startswith("hint: ") for line in hints)
    assert sorted(folder.rglob("*")) == before
    assert not (tmp_path / "m.edge").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--calibration", "torn.npz"],
            "torn.npz: expected arrays of numbers (.npy, .npz), got File is not a zip file",
        ),
        (
            ["--calibration", "shapes.npz"],
            "shapes.npz: expected one array of x [1, 3, 24, 32] samples, got x [9, 5, 5]",
        ),
        (["--calibration", "cards"], "cards/card-000.png: expected picture steps for pictures, got none in the "),
        (["--calibration", "cards", "--preprocess", "wrong.toml"], "wrong.toml: image.colour: unknown key; did you"),
    ],
)
def test_what_is_wrong_without_flags_is_one_line(quantize, tmp_path, arguments, message):
    code, out, err = quantize("m.onnx", "-p", "raspberry-pi-5", *arguments, "-o", tmp_path / "m.edge")
    assert (code, out) == (3, "")
    assert err.startswith(f"error: {message}")
    assert err.count("error: ") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--foo"], "No such option"),
        (["--normalize", "percent"], "Invalid value for '--normalize'"),
        (["--max-drop", "much"], "Invalid value for '--max-drop'"),
        (["--profile"], "Option '--profile' requires an argument"),
    ],
)
def test_a_wrong_command_line_is_usage(quantize, tmp_path, arguments, message):
    code, out, err = quantize("m.onnx", "-p", "raspberry-pi-5", *CARDS, "-o", tmp_path / "m.edge", *arguments)
    assert (code, out) == (2, "")
    *usage, error = err.splitlines()
    assert error.startswith(f"Error: {message}")
    assert not any("rror:" in line for line in usage)


def test_a_budget_that_cannot_be_held_ends_with_6(quantize, tmp_path):
    gate = ("--min-integer-share", "0.9")
    code, out, err = quantize("outlier.onnx", "-p", "raspberry-pi-5", *CARDS, *LABELS, *gate, "-o", tmp_path / "m.edge")
    error, hint = err.splitlines()
    assert (code, out) == (6, "")
    assert error.startswith(
        "error: accuracy: expected at most 0.5 points of drop and agreement of at least 94.0%, got "
    )
    assert error.endswith("layers in float and 100% of the work in integers")
    assert hint.startswith("hint: more calibration samples, a wider --max-drop or --min-agreement, ")
    assert not (tmp_path / "m.edge").exists()


def test_a_full_disk_leaves_nothing(quantize, tmp_path):
    arguments = ("m.onnx", "-p", "raspberry-pi-5", *CARDS, "--no-cache", "-o", tmp_path / "out" / "m.edge")
    assert quantize(*arguments)[0] == 0
    limit = (tmp_path / "out" / "m.edge").stat().st_size - 1  # enough for the temporary models
    (tmp_path / "out" / "m.edge").unlink()

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    code, out, err = quantize(*arguments, preexec_fn=fill)
    assert (code, out) == (5, "")
    assert err.splitlines() == [
        f"error: {tmp_path}/out/m.edge: expected room to write, got a full disk",
        "hint: free some space and repeat",
    ]
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(("ending", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGKILL, -9)])
def test_an_end_in_the_middle_leaves_nothing(folder, tmp_path, ending, code):
    os.mkfifo(tmp_path / "labels.csv")
    (tmp_path / "temporary").mkdir()
    arguments = ["m.onnx", "-p", "raspberry-pi-5", *CARDS, "--labels", tmp_path / "labels.csv"]
    process = subprocess.Popen(
        [*EDGE_SDK, "quantize", *map(str, arguments), "-o", str(tmp_path / "m.edge")],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary"), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with (tmp_path / "labels.csv").open("w"):  # opens when the command reads its labels
        process.send_signal(ending)
        out, err = process.communicate(timeout=60)
    told = "interrupted: nothing is written; the same command goes on from here\n" if ending == signal.SIGINT else ""
    assert (process.returncode, out, err) == (code, "", told)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.csv", "temporary"]
    assert list((tmp_path / "temporary").iterdir()) == []


def test_check_only_says_what_is_wrong_with_the_samples_and_writes_nothing(quantize, tmp_path):
    wrong = ("--calibration", "cards", "--normalize", "raw", "--check-only")
    code, out, err = quantize("m.onnx", "-p", "raspberry-pi-5", *wrong, "-o", tmp_path / "m.edge")
    assert code == 3
    assert out.startswith("20 samples to calibrate with, 20 to measure on: 1 finding\nrefuse: preprocessing: expected")
    assert err.startswith("error: preprocessing: expected pixels read as the model was trained, got a declaration that")
    assert not (tmp_path / "m.edge").exists()
    code, out, err = quantize("m.onnx", "-p", "raspberry-pi-5", *wrong, "--trust-data", "--json")
    assert (code, err, [one["kind"] for one in json.loads(out)["findings"]]) == (0, "", ["reading"])


def test_check_only_is_silent_about_right_samples(quantize):
    code, out, err = quantize("m.onnx", "-p", "raspberry-pi-5", *CARDS, "--check-only")
    assert (code, out, err) == (0, "20 samples to calibrate with, 20 to measure on: no findings\n", "")


def test_a_warning_is_told_before_the_work_and_stands_in_the_report(quantize, folder, tmp_path):
    few = folder / "few"
    if not few.exists():
        shutil.copytree(folder / "cards", few, ignore=lambda _, names: [name for name in names if name > "card-008"])
    given = ("--calibration", "few", *FLAGS, "-o", tmp_path / "m.edge")
    code, out, err = quantize("m.onnx", "-p", "raspberry-pi-5", *given)
    assert code == 0
    assert err.startswith("warn: calibration: expected 16 samples or more")
    assert "note: calibration: expected 16 samples or more" in out


def start(folder, cache, package, *arguments, **environment):
    """Start the command on a model with a layer that int8 destroys, for whom the guard works a while."""
    command = [
        *EDGE_SDK,
        "quantize",
        "outlier.onnx",
        "-p",
        "raspberry-pi-5",
        *CARDS,
        *LABELS,
        "-o",
        package,
        *arguments,
    ]
    env = {**os.environ, "XDG_CACHE_HOME": str(cache), **environment}
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_goes_on_and_gives_the_same_bytes(folder, tmp_path, kill):
    whole, resumed, kept = tmp_path / "whole.edge", tmp_path / "resumed.edge", tmp_path / "cache"
    assert start(folder, kept, whole, "--no-cache").wait() == 0
    assert not kept.exists()
    running = start(folder, kept, resumed)
    while running.poll() is None and len(list(kept.rglob("*.kept"))) < 2:
        time.sleep(0.01)
    running.send_signal(kill)
    _, err = running.communicate()
    assert running.returncode == {signal.SIGINT: 130, signal.SIGKILL: -9}[kill]
    assert ("interrupted: nothing is written; the same command goes on from here" in err) == (kill == signal.SIGINT)
    assert not resumed.exists()
    again = start(folder, kept, resumed)
    _, err = again.communicate()
    assert again.returncode == 0
    assert f"going on with what an earlier run left in {kept}" in err
    assert resumed.read_bytes() == whole.read_bytes()


def test_damaged_and_old_entries_change_no_byte(folder, tmp_path):
    for name in ("first", "second", "third"):
        running = start(folder, tmp_path / "cache", tmp_path / f"{name}.edge")
        _, err = running.communicate()
        assert (running.returncode, "going on" in err) == (0, name == "second")
        if name == "second":
            for path in (tmp_path / "cache").rglob("*.kept"):
                path.write_bytes(path.read_bytes()[:-9] + b"something")
    assert len({(tmp_path / f"{name}.edge").read_bytes() for name in ("first", "second", "third")}) == 1


def test_hash_seeds_and_threads_change_no_byte(folder, tmp_path):
    for name, one in {
        "first": {"PYTHONHASHSEED": "1"},
        "second": {"PYTHONHASHSEED": "2", "OMP_NUM_THREADS": "1"},
    }.items():
        affinity = {min(os.sched_getaffinity(0))} if name == "second" else os.sched_getaffinity(0)
        running = start(folder, tmp_path, tmp_path / f"{name}.edge", "--no-cache", **one)
        os.sched_setaffinity(running.pid, affinity)
        assert running.wait() == 0
    assert (tmp_path / "first.edge").read_bytes() == (tmp_path / "second.edge").read_bytes()


def test_a_terminal_shows_each_step_and_what_it_took(folder, tmp_path):
    ours, theirs = pty.openpty()
    given = ("m.onnx", "-p", "raspberry-pi-5", *CARDS, "-o", str(tmp_path / "m.edge"))
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "NO_COLOR": "1", "TERM": "xterm", "COLUMNS": "100"}
    running = subprocess.Popen(
        [*EDGE_SDK, "quantize", *given], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how a terminal says that nobody writes to it any more
        while part := os.read(ours, 1 << 16):
            shown += part
    out, _ = running.communicate()
    steps = [line for line in shown.decode().splitlines() if re.search(r"[a-z0-9]: [0-9.]+ s", line)]
    titles = ("looking at the samples", "measuring the float model", "calibrating", "measuring arm-int8")
    assert [any(title in line for line in steps) for title in titles] == [True] * 4
    assert b"\x1b[3" not in shown, "no colours"
    assert out.decode().endswith(f"wrote {tmp_path / 'm.edge'}\n")
