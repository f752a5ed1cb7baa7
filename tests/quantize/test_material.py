from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import ImageFlags, QuantRequest
from edge_sdk.quantize.material import choose_material
from edge_sdk.quantize.source import open_source
from tests.quantize.cards import COLORS, build_classifier, save, write_cards, write_labels

SHARED = ("calibration and evaluation share samples: what is measured flatters the variant a little",)


@pytest.fixture
def material(tmp_path):
    """Choose the material of a request for the classifier of cards."""
    model = save(build_classifier(), tmp_path / "m.onnx")

    def choose(calibration, **changes):
        given = {"preprocess": None if ".npz" in str(calibration) else ImageFlags(), "class_names": COLORS, **changes}
        request = QuantRequest(model, (load_profile("raspberry-pi-5"),), str(calibration), **given)
        return choose_material(request, open_source(request))

    return choose


def numbers(samples):
    return [int(Path(name).stem[5:]) for name in samples.names]


def write_arrays(path, **counts):
    """Write arrays of pictures by name, and labels of the first as `y`."""
    random = np.random.default_rng(0)
    arrays = {name: random.random((count, 3, 24, 32), np.float32) for name, count in counts.items()}
    np.savez(path, y=np.arange(next(iter(counts.values()))) % 3, **arrays)
    return path


def refused(choose, *arguments, **changes):
    with pytest.raises(InputError) as caught:
        choose(*arguments, **changes)
    return str(caught.value)


def test_labels_that_reserve_pictures_for_calibration_are_obeyed(material, tmp_path):
    folder = write_cards(tmp_path / "cards", range(8))
    table = write_labels(tmp_path / "eval.csv", range(5), role="eval").read_text()
    reserved = write_labels(tmp_path / "calibration.csv", range(5, 7), role="calibration").read_text()
    (tmp_path / "labels.csv").write_text(table + reserved.partition("\n")[2])
    chosen = material(folder, labels=str(tmp_path / "labels.csv"))
    assert (numbers(chosen.calibration), numbers(chosen.evaluation)) == ([5, 6], [0, 1, 2, 3, 4])
    assert (list(chosen.truths), chosen.notes, chosen.describe) == ([0, 1, 2, 0, 1], (), "labels.csv")


def test_what_is_scored_is_kept_out_of_calibration(material, tmp_path):
    folder = write_cards(tmp_path, range(24))
    chosen = material(folder, labels=str(write_labels(tmp_path / "labels.csv", range(8))))
    assert (numbers(chosen.calibration), chosen.notes) == (list(range(8, 24)), ())
    fewer = material(folder, labels=str(tmp_path / "labels.csv"), calibration_samples=4)
    assert numbers(fewer.calibration) == [8, 12, 16, 20]


def test_where_too_little_is_left_calibration_shares_and_says_so(material, tmp_path):
    folder = write_cards(tmp_path, range(24))
    chosen = material(folder, labels=str(write_labels(tmp_path / "labels.csv", range(9))))
    assert (numbers(chosen.calibration), chosen.notes) == (list(range(24)), SHARED)


def test_another_folder_for_calibration_is_taken_whole(material, tmp_path):
    labels = write_labels(write_cards(tmp_path / "scored", range(3)) / "labels.csv", range(3))
    chosen = material(write_cards(tmp_path / "other", range(3, 6)), labels=str(labels))
    assert (numbers(chosen.calibration), numbers(chosen.evaluation)) == ([3, 4, 5], [0, 1, 2])
    assert chosen.notes == ()


def test_labelled_files_may_lie_in_the_evaluation_folder(material, tmp_path):
    labels = write_labels(tmp_path / "labels.csv", range(3))
    folders = {"evaluation": str(write_cards(tmp_path / "scored", range(3))), "labels": str(labels)}
    chosen = material(write_cards(tmp_path / "other", range(3, 6)), **folders)
    assert numbers(chosen.evaluation) == [0, 1, 2]


def test_without_labels_every_other_sample_is_measured(material, tmp_path):
    chosen = material(write_cards(tmp_path, range(33)))
    assert numbers(chosen.calibration) == list(range(0, 33, 2))
    assert numbers(chosen.evaluation) == list(range(1, 33, 2))
    assert (chosen.truths, chosen.notes, chosen.describe) == (None, (), tmp_path.name)


def test_few_samples_serve_for_both_and_that_is_said(material, tmp_path):
    chosen = material(write_cards(tmp_path, range(6)), calibration_samples=3)
    assert (numbers(chosen.calibration), numbers(chosen.evaluation)) == ([0, 2, 4], list(range(6)))
    note = "too few samples to keep some apart: agreement is measured on the calibration samples"
    assert chosen.notes == (note,)


def test_arrays_of_one_file_are_told_apart_by_their_keys(material, tmp_path):
    data = write_arrays(tmp_path / "x.npz", scored=20, other=20)
    chosen = material(f"{data}:other", evaluation=f"{data}:scored", labels=f"{data}:y")
    assert (len(chosen.calibration), len(chosen.evaluation), list(chosen.truths)[:4]) == (20, 20, [0, 1, 2, 0])
    assert (chosen.notes, chosen.describe) == ((), "x.npz:scored")
    assert material(f"{data}:scored", evaluation=f"{data}:scored", labels=f"{data}:y").notes == SHARED


def test_labels_need_their_samples(material, tmp_path):
    data = write_arrays(tmp_path / "x.npz", a=20, b=19)
    assert refused(material, f"{data}:a", labels=f"{data}:y") == (
        f"{data}:y: expected the samples of these labels, got none"
    )
    assert refused(material, f"{data}:a", labels=f"{data}:y", evaluation=f"{data}:b") == (
        f"{data}:y: expected 19 labels, one a sample, got 20"
    )
    table = write_labels(tmp_path / "labels.csv", range(3))
    assert refused(material, f"{data}:a", labels=str(table), evaluation=f"{data}:a") == (
        f"{data}:a: expected the folder of the labelled files, got none"
    )


def test_labels_of_coco_are_read_for_tasks_that_they_score(material, tmp_path):
    folder = write_cards(tmp_path, range(3))
    (tmp_path / "y.json").write_text("{}")
    assert refused(material, folder, labels=f"{tmp_path}/y.json") == (
        f"{tmp_path}/y.json: expected a task that boxes or joints score, got classification"
    )


def test_labels_need_a_task_that_scores_them(material, tmp_path):
    folder = write_cards(tmp_path, range(3))
    labels = write_labels(tmp_path / "labels.csv", range(3))
    message = "expected a task that labels by file score, got tensor"
    assert refused(material, folder, labels=str(labels), task="tensor") == f"{labels}: {message}"
    np.save(tmp_path / "y.npy", np.zeros(3, int))
    arrays = {"labels": f"{tmp_path}/y.npy", "evaluation": str(folder), "task": "tensor"}
    assert refused(material, folder, **arrays) == (
        f"{tmp_path}/y.npy: expected a task that an array of labels scores, got tensor"
    )


def test_class_names_that_do_not_fit_the_outputs_are_told_where_labels_want_a_task(material, tmp_path):
    folder, labels = write_cards(tmp_path, range(3)), write_labels(tmp_path / "labels.csv", range(3))
    with pytest.raises(InputError) as caught:
        material(folder, labels=str(labels), class_names=("name", *COLORS))
    assert caught.value.hint.startswith(f"do the {len(COLORS) + 1} class names belong to ")
