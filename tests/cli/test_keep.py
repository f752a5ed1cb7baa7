"""`edge-sdk run --sink keep:` and `edge-sdk keep` as their user sees them."""

from __future__ import annotations

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from edge_sdk.package import open_package
from tests.quantize.cards import FLAGS, build_classifier, save, write_cards
from tests.runtime.models import moving_card, write_clip, write_moving

EDGE_SDK = [sys.executable, "-c", "from edge_sdk.cli import main; main()"]
EVERYTHING = "per_hour=1e9&gap_s=0"


def edge_sdk(*arguments, folder):
    """Run a command in a folder; return its exit code, stdout and stderr."""
    ended = subprocess.run([*EDGE_SDK, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=folder)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which a run on a clip has kept blurred pictures."""
    folder = tmp_path_factory.mktemp("keep")
    write_moving(folder / "moving-1.edge")
    write_clip(folder / "clip.mp4", [moving_card(number) for number in range(30)], fps=2)
    sink = f"keep:kept?{EVERYTHING}&blur=thing&how=solid&format=png"
    code, _, err = edge_sdk("run", "moving-1.edge", "--source", "clip.mp4", "--sink", sink, folder=folder)
    assert code == 0, err
    return folder


def test_the_run_tells_what_it_kept(folder):
    sink = f"keep:again?{EVERYTHING}&max_mb=0.05"
    code, _, err = edge_sdk("run", "moving-1.edge", "--source", "clip.mp4", "--sink", sink, folder=folder)
    [line] = [line for line in err.splitlines() if line.startswith("keep:again: ") and "kept" in line]
    counts = {word: int(count) for count, word in (part.split() for part in line.partition(": ")[2].split(", "))}
    assert code == 0
    assert list(counts) == ["kept", "duplicate", "too-soon", "over-rate", "too-large", "dropped"]
    assert len(list((folder / "again").glob("*.png")) + list((folder / "again").glob("*.jpg"))) == (
        counts["kept"] - counts["dropped"]
    )


def test_nothing_of_a_blurred_thing_is_left(folder):
    kept = sorted((folder / "kept").glob("*.png"))
    assert len(kept) > 3
    for path in kept:
        told = json.loads(path.with_suffix(".json").read_bytes())
        left, top, right, bottom = (round(edge) for edge in told["outcome"]["value"]["boxes"][0]["xyxy"])
        inside = cv2.imread(str(path))[max(top, 0) : bottom, max(left, 0) : right].reshape(-1, 3)
        assert len(np.unique(inside, axis=0)) == 1


def test_list_sums_the_folder_up(folder):
    code, out, err = edge_sdk("keep", "list", "kept", folder=folder)
    count = len(list((folder / "kept").glob("*.png")))
    assert (code, err) == (0, "")
    assert out.splitlines()[0].startswith(f"kept: {count} samples, ")
    assert f"clip.mp4  {count}" in out.splitlines()
    code, out, _ = edge_sdk("keep", "list", "kept", "--json", folder=folder)
    assert json.loads(out)["blurred"] == count


def test_export_makes_a_folder_and_never_touches_one(folder):
    code, out, err = edge_sdk("keep", "export", "kept", "-o", "dataset", folder=folder)
    assert (code, err, out.splitlines()[1]) == (0, "", "dataset/annotations.json")
    code, out, err = edge_sdk("keep", "export", "kept", "-o", "dataset", "--format", "yolo", folder=folder)
    assert (code, out) == (3, "")
    assert err == "error: dataset: expected nothing there, got a file or a folder\nhint: name another place\n"


def test_what_cannot_be_kept_so_is_refused_before_the_run(folder):
    sink = "keep:never?blur=person"
    code, out, err = edge_sdk("run", "moving-1.edge", "--source", "clip.mp4", "--sink", sink, folder=folder)
    assert (code, out) == (3, "")
    assert err.startswith("error: keep:never?blur=person: expected classes of tiny to blur, got 'person'\nhint: ")


def test_what_was_kept_is_what_quantize_takes(tmp_path):
    """Quantize, run, keep, export, and quantize again with what was kept."""
    save(build_classifier(), tmp_path / "m.onnx")
    write_cards(tmp_path / "cards", range(40))
    quantize = ("quantize", "m.onnx", "--profile", "x86-64-avx2", *FLAGS)
    code, _, err = edge_sdk(*quantize, "--calibration", "cards", "-o", "a.edge", folder=tmp_path)
    assert code == 0, err
    sink = f"keep:kept?{EVERYTHING}&why=random&one_in=1&format=png"
    code, _, err = edge_sdk("run", "a.edge", "--source", "cards", "--sink", sink, folder=tmp_path)
    assert code == 0, err
    code, out, err = edge_sdk("keep", "export", "kept", "-o", "dataset", "--json", folder=tmp_path)
    count = json.loads(out)["count"]
    assert (code, count > 16) == (0, True), err
    assert f"and {count - 10} more" in edge_sdk("keep", "list", "kept", folder=tmp_path)[1]
    data = ("--calibration", "dataset/images", "--labels", "dataset/labels.csv")
    code, _, err = edge_sdk(*quantize, *data, "-o", "b.edge", folder=tmp_path)
    assert code == 0, err
    assert open_package(tmp_path / "b.edge").manifest.provenance.calibration_samples > 0
