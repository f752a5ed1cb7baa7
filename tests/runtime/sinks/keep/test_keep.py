"""The sink as a run uses it, with real models and files."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest
from onnx import helper

from edge_sdk.errors import InputError
from edge_sdk.package import open_package
from edge_sdk.preprocess import Preprocess, WindowSteps
from edge_sdk.runtime import Pipeline, Run, RunOptions, open_sink
from edge_sdk.runtime.exposition import exposition
from edge_sdk.runtime.kept import read_kept
from edge_sdk.runtime.kept.record import read_model
from edge_sdk.runtime.swap import SwapOptions
from edge_sdk.runtime.thrift.board import BoardState
from edge_sdk.runtime.usage import Usage
from edge_sdk.session import host_config
from edge_sdk.tasks import TaskSpec
from tests.fakes import Replay
from tests.runtime.models import COLORS, build, card, describe, moving_card, write_moving
from tests.runtime.sinks.keep.outcomes import EVERYTHING, boxes, classes, noise, open_keep, seen
from tests.runtime.swap import candidates


def run(pipeline, folder, pictures, options=EVERYTHING):
    """Keep what a run sees; return its report of the sink, and what was kept."""
    sink = open_sink(f"keep:{folder}?{options}", Replay([]))
    report = Run(pipeline, Replay(pictures), sinks=[sink]).execute()
    return report.sinks[0], read_kept(folder)


def test_a_run_keeps_what_is_new_with_what_is_known_of_it(colors, tmp_path):
    report, [piece] = run(colors, tmp_path, [noise(0, size_wh=(96, 64))] * 5)
    assert (report.counts["kept"], report.counts["dropped"]) == (1, 0)
    assert piece.kept.reasons["novelty"] == 1.0
    assert (piece.kept.shape, piece.kept.blurred) == ((64, 96, 3), None)
    assert (piece.outcome["source"], piece.outcome["seq"], piece.outcome["captured_ns"]) == ("replay", 0, 0)
    assert piece.outcome["model"] == colors.model
    assert {one["label"] for one in piece.value["classes"]} == set(COLORS)
    assert cv2.imread(str(piece.data_path)).shape == (64, 96, 3)


def test_what_is_offered_is_kept_or_told_why_not(classifier, tmp_path):
    sink = open_keep(tmp_path, classifier, "per_hour=3600&gap_s=1&why=margin,random&one_in=1&max_mb=0.5")
    fine = np.random.default_rng(0).integers(0, 256, (900, 1200, 3), dtype=np.uint8)
    for seq in range(200):
        sink.write(*seen(classes(0.52, 0.48), seq=seq, at_s=1 + seq / 2, data=noise(seq // 20, size_wh=(640, 480))))
    sink.write(*seen(classes(0.5, 0.5), seq=999, at_s=500, data=fine))
    counts = dict(sink.counts)
    dropped = counts.pop("dropped")
    assert sum(counts.values()) == 201
    assert min(counts["too-soon"], counts["duplicate"], counts["kept"], counts["too-large"]) > 0
    assert len(read_kept(tmp_path)) == counts["kept"] - dropped
    assert counts["kept"] == 10


def test_a_rate_bounds_what_is_kept(classifier, tmp_path):
    sink = open_keep(tmp_path, classifier, "per_hour=12&gap_s=0&why=random&one_in=1")
    for seq in range(200):
        sink.write(*seen(classes(1.0), seq=seq, at_s=seq + 1.0))
    assert (sink.counts["kept"], sink.counts["over-rate"]) == (2, 198)


def test_duplicates_are_known_after_a_restart(classifier, tmp_path):
    for expected in (1, 0):
        sink = open_keep(tmp_path, classifier)
        sink.write(*seen(classes(0.5, 0.5), data=noise(1)))
        sink.close()
        assert sink.counts["kept"] == expected
    assert len(read_kept(tmp_path)) == 1


def test_a_flicker_keeps_the_picture_before(classifier, tmp_path):
    sink = open_keep(tmp_path, classifier, f"{EVERYTHING}&why=flicker")
    for seq, best in enumerate((0, 0, 1, 0)):
        sink.write(*seen(classes((best, 1.0)), seq=seq, at_s=1 + seq / 10))
    [piece] = read_kept(tmp_path)
    assert (piece.outcome["seq"], piece.kept.reasons) == (2, {"flicker": 1.0})
    assert piece.value["classes"][0]["label"] == "car"


@pytest.mark.parametrize("form", ["jpg", "png"])
def test_what_is_blurred_never_lies_on_disk_as_it_was(detector, tmp_path, form):
    picture = np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    person, dim = ((20, 20, 60, 100), 0.9, 0), ((120, 20, 160, 100), 0.06, 0)
    sink = open_keep(tmp_path, detector, f"{EVERYTHING}&blur=person&how=solid&format={form}")
    sink.write(*seen(boxes(person), data=picture, candidates=boxes(person, dim)))
    [piece] = read_kept(tmp_path)
    kept = cv2.imread(str(piece.data_path)).astype(int)
    for area in (kept[20:100, 20:60], kept[20:100, 120:160]):
        assert np.abs(area - area.mean(axis=(0, 1))).max() < (1 if form == "png" else 12)
    assert np.abs(kept[:, 80:100] - picture[:, 80:100]).mean() < (1 if form == "png" else 60)
    assert piece.kept.blurred.areas == 2
    assert [path.suffix for path in tmp_path.iterdir() if path.is_file()].count(f".{form}") == 1


def test_the_first_bytes_that_reach_the_disk_are_blurred_already(tmp_path):
    """The system ends the process in the middle of its first write to the picture; what it left is looked at."""
    program = f"""
import resource, signal, sys
sys.path[:0] = {sys.path!r}
from tests.runtime.sinks.keep.conftest import PICTURES
from tests.runtime.sinks.keep.test_keep import *
task = TaskSpec("detection", head="boxes-scores", score_threshold=0.5)
manifest = describe(candidates.colors(), task=task, preprocess=PICTURES, labels=("person", "car"))
sink = open_keep({str(tmp_path)!r}, manifest, EVERYTHING + "&blur=person&how=solid")
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, 16_000))
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
picture = np.random.default_rng(0).integers(0, 256, (240, 200, 3), dtype=np.uint8)
sink.write(*seen(boxes(((100, 0, 180, 64), 0.9, 0)), data=picture))
"""
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGXFSZ
    [part] = tmp_path.glob(".*.jpg.*.part")
    assert 0 < part.stat().st_size <= 16_000
    ended = np.frombuffer(part.read_bytes() + b"\xff\xd9", np.uint8)  # the end of a JPEG, without which none is decoded
    kept = cv2.imdecode(ended, cv2.IMREAD_COLOR).astype(int)
    person, beside = kept[0:56, 108:172], kept[0:56, 0:80]
    assert np.abs(person - person.mean(axis=(0, 1))).max() < 16
    assert beside.std() > 40


def test_a_thing_below_the_threshold_of_the_run_is_blurred_too(tmp_path):
    package = open_package(write_moving(tmp_path / "m.edge"))
    with Pipeline.open(package, score_threshold=0.95) as pipeline:
        options = f"{EVERYTHING}&why=novelty&blur=thing&how=solid&format=png"
        _, [piece] = run(pipeline, tmp_path / "kept", [moving_card(10)], options)
    assert (piece.value["boxes"], piece.kept.blurred.areas) == ([], 1)
    assert len(np.unique(cv2.imread(str(piece.data_path))[17:47, 30:46].reshape(-1, 3), axis=0)) == 1
    assert moving_card(10)[17:47, 30:46].min() < moving_card(10)[17:47, 30:46].max()


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ("blur=person,cart", "expected classes of tiny to blur, got 'cart'; did you mean 'car'\\?$"),
        ("why=margins", "why: expected some of margin, flicker, .*, got 'margins'; did you mean 'margin'\\?$"),
        ("max_mb=0", "max_mb: expected more than 0, got 0$"),
        ("gap_s=-1", "gap_s: expected 0 or more, got -1$"),
        ("quality=101", "quality: expected 1 to 100, got 101$"),
        ("format=bmp", "format: expected one of 'jpg', 'png', got 'bmp'$"),
        ("most=3", "most: unknown key"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(detector, tmp_path, options, wrong):
    with pytest.raises(InputError, match=wrong):
        open_keep(tmp_path, detector, options)


def test_a_model_without_boxes_has_nothing_to_blur_but_the_whole(classifier, tmp_path):
    with pytest.raises(InputError, match=r"expected a model of boxes for blur=person, got classification$") as caught:
        open_keep(tmp_path, classifier, "blur=person")
    assert caught.value.hint == "blur=whole blurs the whole picture"
    sink = open_keep(tmp_path / "whole", classifier, f"{EVERYTHING}&blur=whole&how=solid&format=png")
    sink.write(*seen(classes(0.5, 0.5)))
    [piece] = read_kept(tmp_path / "whole")
    assert len(np.unique(cv2.imread(str(piece.data_path)).reshape(-1, 3), axis=0)) == 1


def test_a_model_of_tensors_is_refused(adds, tmp_path):
    with pytest.raises(InputError, match=r"expected a model of pictures or of windows, got one of tensors$"):
        open_keep(tmp_path, adds.manifest)


def test_samples_on_which_a_shadowed_model_disagrees_are_kept(tmp_path):
    first = candidates.write(tmp_path / "a.edge", candidates.colors())
    other = candidates.write(tmp_path / "b.edge", candidates.colors(-10.0), version=2)
    sink = open_sink(f"keep:{tmp_path}/kept?{EVERYTHING}&why=disagreement", Replay([]))
    with Pipeline.open(open_package(first)) as pipeline:
        camera = Replay([card(COLORS[i % 3]) for i in range(9000)], live=True, stalls_s=(0.01,))
        run = Run(pipeline, camera, sinks=[sink], options=RunOptions(policy="every"))
        thread = threading.Thread(target=run.execute)
        thread.start()
        while not run.report().accounts.results:
            time.sleep(0.01)
        run.swap(other, SwapOptions(shadow_samples=9)).wait(60)
        run.stop()
        thread.join()
        report = run.report()
    assert report.swaps[0].state == "refused"
    kept = read_kept(tmp_path / "kept")
    assert {tuple(piece.kept.reasons) for piece in kept} == {("disagreement",)}
    assert 1 <= len(kept) <= 3
    assert {piece.outcome["model"] for piece in kept} == {report.model}


def test_windows_of_a_sensor_are_kept_as_they_came(tmp_path):
    nodes = [helper.make_node("ReduceMean", ["w"], ["y"], axes=[2], keepdims=0)]
    model = build(nodes, [("w", [1, 2, 8])], [("y", [1, 2])])
    steps = Preprocess(window=WindowSteps(columns=("x", "y"), samples=8, hop=8))
    manifest = describe(model, task=TaskSpec("classification"), preprocess=steps, labels=("still", "shaken"))
    windows = [np.random.default_rng(seed).normal(size=(8, 2)) for seed in range(5)]
    with Pipeline(manifest, model, config=host_config()) as pipeline:
        report, kept = run(pipeline, tmp_path, [*windows, windows[0]], f"{EVERYTHING}&why=random&one_in=1")
    assert (report.counts["kept"], report.counts["duplicate"]) == (5, 1)
    assert all((np.load(piece.data_path) == window).all() for piece, window in zip(kept, windows, strict=True))
    assert read_model(tmp_path, pipeline.model).columns == ("x", "y")


def test_the_counts_are_told_to_prometheus(colors, tmp_path):
    sink = open_sink(f"keep:{tmp_path}", Replay([]))
    report = Run(colors, Replay([card("red", size_wh=(96, 64))] * 3), sinks=[sink]).execute()
    text = exposition(report, Usage(5, 0.5), BoardState())
    assert f'edge_sdk_sink_samples_total{{sink="keep:{tmp_path}",fate="kept"}} 1' in text.splitlines()
