from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from edge_sdk.errors import InputError
from edge_sdk.package.manifest import SCHEMA
from edge_sdk.preprocess import ImageSteps, Preprocess, WindowSteps
from edge_sdk.quantize.coco_labels import read_coco
from edge_sdk.quantize.labels import array_truths
from edge_sdk.runtime.kept import export_kept, read_kept, summarize
from edge_sdk.samples import read_rows, read_samples
from edge_sdk.tasks import Anomaly, Classification, Instances, Poses, SegmentationMap, TaskSpec
from edge_sdk.tensors import TensorSpec
from tests.runtime.models import build_colors, describe
from tests.runtime.sinks.keep.outcomes import EVERYTHING, LABELS, boxes, classes, noise, open_keep, seen

PICTURES = Preprocess(image=ImageSteps(size_wh=(48, 32), resize="letterbox"))
TASKS = {
    "detection": TaskSpec("detection", head="boxes-scores", score_threshold=0.5),
    "instances": TaskSpec("instances", head="yolov8-seg", score_threshold=0.5),
    "pose": TaskSpec("pose", head="yolov8-pose", joints=2, score_threshold=0.5),
    "classification": TaskSpec("classification"),
    "anomaly": TaskSpec("anomaly", head="distance"),
    "segmentation": TaskSpec("segmentation", head="class-map"),
}
PERSON, CAR = ((10, 20, 30, 60), 0.9, 0), ((40, 4, 80, 24), 0.55, 1)


def keep(folder, kind, values, *, preprocess=PICTURES, data=noise, labels=LABELS):
    """Keep a sample for each value, by chance alone, and return the folder."""
    plain = describe(build_colors(), task=TaskSpec("classification"), preprocess=PICTURES)
    manifest = replace(plain, task=TASKS[kind], preprocess=preprocess, labels=labels, schema=SCHEMA)
    sink = open_keep(folder, manifest, f"{EVERYTHING}&why=random&one_in=1")
    for seq, value in enumerate(values):
        sample, outcome = seen(value, seq=seq, data=data(seq))
        sink.write(sample, replace(outcome, labels=labels))
    sink.close()
    return folder


def instances():
    """Return one thing whose mask is the left half of its box, in cells of four pixels."""
    mask = np.zeros((1, 16, 24), bool)
    mask[:, 5:15, 2:5] = True
    return Instances(
        xyxy=np.array([PERSON[0]], np.float32),
        scores=np.array([0.9], np.float32),
        classes=np.array([0]),
        bits=np.packbits(mask, axis=2),
        cells_wh=np.array([24, 16]),
        grid=np.array([0.25, 0.25, 0.0, 0.0]),
        source_wh=np.array([96, 64]),
    )


def poses():
    joints = np.array([[[12, 22, 0.9], [20, 50, 0.2]]], np.float32)
    return Poses(np.array([PERSON[0]], np.float32), np.array([0.9], np.float32), np.array([0]), joints)


def test_coco_is_read_by_its_own_tools(tmp_path):
    folder = keep(tmp_path / "kept", "detection", [boxes(PERSON, CAR), boxes(), boxes(CAR)])
    (tmp_path / ".out.part/images").mkdir(parents=True)  # what a killed export left
    exported = export_kept(read_kept(folder), tmp_path / "out")
    coco = COCO(exported.files[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "out"]
    assert (exported.form, exported.count, exported.broken) == ("coco", 3, 0)
    assert [one["name"] for one in coco.loadCats(coco.getCatIds())] == list(LABELS)
    assert [len(coco.getAnnIds(imgIds=number)) for number in coco.getImgIds()] == [2, 0, 1]
    first = coco.loadAnns(coco.getAnnIds(imgIds=1))[0]
    assert (first["category_id"], first["bbox"], first["area"], first["score"]) == (1, [10, 20, 20, 40], 800, 0.9)
    for image in coco.loadImgs(coco.getImgIds()):
        picture = cv2.imread(str(tmp_path / "out" / image["file_name"]))
        assert picture.shape == (image["height"], image["width"], 3)


def test_quantize_reads_the_boxes_as_labels(tmp_path):
    folder = keep(tmp_path / "kept", "detection", [boxes(PERSON, CAR), boxes()])
    exported = export_kept(read_kept(folder), tmp_path / "out")
    files, truths = read_coco(Path(exported.files[0]), [], names=LABELS, kind="detection")
    assert [file.parent for file in files] == [tmp_path / "out/images"] * 2
    assert truths[0].xyxy.tolist() == [list(PERSON[0]), list(CAR[0])]
    assert [truth.classes.tolist() for truth in truths] == [[0, 1], []]


def test_masks_and_joints_are_read_too(tmp_path):
    masks = export_kept(read_kept(keep(tmp_path / "a", "instances", [instances()])), tmp_path / "masks")
    coco = COCO(masks.files[0])
    [annotation] = coco.loadAnns(coco.getAnnIds())
    mask = coco.annToMask(annotation)
    assert (mask == instances().to_source()[0]).all()
    assert annotation["area"] == mask.sum() > 0
    joints = export_kept(read_kept(keep(tmp_path / "b", "pose", [poses()])), tmp_path / "joints")
    coco = COCO(joints.files[0])
    assert coco.loadAnns(coco.getAnnIds())[0]["keypoints"] == [12, 22, 2, 20, 50, 1]
    assert coco.loadCats([1])[0]["keypoints"] == ["0", "1"]


def test_yolo_has_a_line_for_each_thing_and_an_empty_file_for_nothing(tmp_path):
    folder = keep(tmp_path / "kept", "detection", [boxes(PERSON, CAR), boxes()])
    export_kept(read_kept(folder), tmp_path / "out", "yolo")
    pictures, labels = (sorted((tmp_path / "out" / name).iterdir()) for name in ("images", "labels"))
    assert [path.stem for path in pictures] == [path.stem for path in labels]
    lines = labels[0].read_text().splitlines()
    assert lines == ["0 0.208333 0.625 0.208333 0.625", "1 0.625 0.21875 0.416667 0.3125"]
    assert labels[1].read_text() == ""
    assert (tmp_path / "out/data.yaml").read_text() == (
        'train: images\nval: images\nnames:\n  0: "person"\n  1: "car"\n'
    )


def test_yolo_has_joints(tmp_path):
    export_kept(read_kept(keep(tmp_path / "kept", "pose", [poses()])), tmp_path / "out", "yolo")
    [line] = next((tmp_path / "out/labels").iterdir()).read_text().splitlines()
    assert line == "0 0.208333 0.625 0.208333 0.625 0.125 0.34375 2 0.208333 0.78125 1"
    assert "kpt_shape: [2, 3]\n" in (tmp_path / "out/data.yaml").read_text()


def test_classes_are_folders_and_a_table(tmp_path):
    values = [classes(0.9, 0.1), classes((1, 0.8), (0, 0.2)), Classification((), ())]
    exported = export_kept(read_kept(keep(tmp_path / "kept", "classification", values)), tmp_path / "out")
    rows = read_rows(Path(exported.files[0]))
    assert [row["file"].split("/")[1] for row in rows] == ["person", "car", "no-class"]
    assert [(row["label"], row["class_name"], row["score"]) for row in rows[:2]] == [
        ("0", "person", "0.9"),
        ("1", "car", "0.8"),
    ]
    assert all((tmp_path / "out" / row["file"]).is_file() for row in rows)


@pytest.mark.parametrize(
    ("labels", "folder"), [(("../../etc/x",), "_.._etc_x"), (("...",), "0"), (("a/b c",), "a_b_c"), (("",), "0")]
)
def test_a_class_name_leads_nowhere_else(tmp_path, labels, folder):
    pieces = read_kept(keep(tmp_path / "kept", "classification", [classes(1.0)], labels=labels))
    export_kept(pieces, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out/images").iterdir()] == [folder]


def test_anomalies_are_sorted_by_verdict_and_maps_are_pictures(tmp_path):
    folder = keep(tmp_path / "a", "anomaly", [Anomaly(3.0, 2.0), Anomaly(1.0, 2.0)])
    export_kept(read_kept(folder), tmp_path / "anomalies")
    assert {path.name for path in (tmp_path / "anomalies/images").iterdir()} == {"anomalous", "normal"}
    areas = SegmentationMap(np.zeros((4, 6), np.int16), np.array([0.0625, 0.0625, 0, 0]), np.array([96, 64]))
    assert export_kept(read_kept(keep(tmp_path / "b", "segmentation", [areas])), tmp_path / "maps").form == "pictures"


def test_windows_are_one_file_of_arrays(tmp_path):
    steps = Preprocess(window=WindowSteps(columns=("x", "y"), samples=8, hop=8))
    windows = [np.random.default_rng(seq).normal(size=(8, 2)) for seq in range(3)]
    values = [classes(0.9, 0.1), classes((1, 0.8), (0, 0.2)), classes(0.9, 0.1)]
    folder = keep(tmp_path / "kept", "classification", values, preprocess=steps, data=lambda seq: windows[seq])
    exported = export_kept(read_kept(folder), tmp_path / "out")
    samples = read_samples(f"{exported.files[0]}:x", steps, [TensorSpec("w", "float32", (1, 2, 8))])
    assert [item.tensors["w"].shape for item in samples] == [(1, 2, 8)] * 3
    assert array_truths(f"{exported.files[0]}:y", 2) == [0, 1, 0]
    with np.load(exported.files[0]) as arrays:
        assert (arrays["x"] == np.stack(windows)).all()
        assert (arrays["y"].tolist(), arrays["columns"].tolist()) == ([0, 1, 0], ["x", "y"])


def test_what_is_broken_is_left_out_and_told(tmp_path):
    folder = keep(tmp_path / "kept", "detection", [boxes(PERSON), boxes(CAR), boxes()])
    pieces = read_kept(folder)
    pieces[0].data_path.write_bytes(b"x" * pieces[0].kept.size_bytes)
    pieces[1].data_path.unlink()
    exported = export_kept(pieces, tmp_path / "out")
    assert (exported.count, exported.broken) == (1, 2)
    assert len(list((tmp_path / "out/images").iterdir())) == 1
    pieces[2].data_path.unlink()
    with pytest.raises(InputError, match=r"kept: expected samples that are whole, got none$"):
        export_kept(pieces, tmp_path / "again")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "out"]


def test_what_is_there_is_not_touched_and_what_does_not_fit_is_refused(tmp_path):
    pieces = read_kept(keep(tmp_path / "kept", "classification", [classes(1.0)]))
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=r"out: expected nothing there, got a file or a folder$"):
        export_kept(pieces, tmp_path / "out")
    with pytest.raises(
        InputError, match=r"format: expected classes, pictures for pictures of classification, got coco$"
    ):
        export_kept(pieces, tmp_path / "new", "coco")
    with pytest.raises(InputError, match=r"nowhere: expected a folder of kept samples, got nothing there$"):
        read_kept(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"out: expected kept samples, got none$"):
        read_kept(tmp_path / "out")


def test_a_full_disk_leaves_no_export(tmp_path):
    folder = keep(tmp_path / "kept", "detection", [boxes(PERSON)] * 3)
    program = f"""
import resource, signal, sys
from pathlib import Path
sys.path[:0] = {sys.path!r}
from edge_sdk.errors import UnavailableError
from edge_sdk.runtime.kept import export_kept, read_kept
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    export_kept(read_kept(Path({str(folder)!r})), Path({str(tmp_path / "out")!r}))
except UnavailableError as exc:
    print(str(exc).partition(": ")[2])
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "expected room to write, got a full disk\n"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_folder_is_summed_up(tmp_path):
    folder = keep(tmp_path / "kept", "detection", [boxes(PERSON), boxes(CAR)])
    summary = summarize(folder, read_kept(folder))
    sizes = [path.stat().st_size for path in folder.iterdir() if path.is_file()]
    assert (summary.count, summary.size_bytes, summary.reasons) == (2, sum(sizes), {"random": 2})
    assert (summary.sources, summary.models, summary.blurred) == ({"camera:0": 2}, {"ab" * 32: 2}, 0)
    assert summary.first_unix_s <= summary.last_unix_s
