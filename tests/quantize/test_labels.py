from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.quantize.labels import array_truths, box_truths, class_truths, map_truths, read_labels, value_truths
from tests.quantize.cards import COLORS, write_cards, write_labels


@pytest.fixture
def labels(tmp_path):
    """Read labels of the pictures card-000 to card-005, from the lines of a table."""
    write_cards(tmp_path / "cards", range(6))

    def read(*lines):
        (tmp_path / "labels.csv").write_text("\n".join([*lines, ""]))
        return read_labels(tmp_path / "labels.csv", [tmp_path / "cards"])

    return read


def refused(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return str(caught.value), caught.value.hint


def test_files_are_found_beside_the_table_and_in_the_folders(labels, tmp_path):
    write_cards(tmp_path, [9])
    found = labels("file,label", "card-009.png,0", "card-001.png,1")
    assert found.files == (tmp_path / "card-009.png", tmp_path / "cards" / "card-001.png")
    assert found.calibration == ()


@pytest.mark.parametrize("column", ["label", "class_id", "class", "class_name", "name"])
@pytest.mark.parametrize("value", ["green", "1"])
def test_a_class_is_told_by_number_or_name_in_any_of_the_columns(labels, column, value):
    found = labels(f"file,{column}", f"card-001.png,{value}", "card-002.png, 2")
    assert class_truths(found, COLORS, 3) == [1, 2]


def test_a_number_needs_no_class_names(labels):
    assert class_truths(labels("file,label", "card-001.png,7"), (), 10) == [7]
    assert class_truths(labels("file,label", "card-001.png,7"), (), 0) == [7]


def test_rows_for_calibration_are_not_scored(labels):
    lines = ["card-000.png,0,calibration", "card-001.png,1,eval", "card-002.png,2,"]
    found = labels("file,label,role", *lines)
    assert [path.name for path in found.files] == ["card-001.png", "card-002.png"]
    assert [path.name for path in found.calibration] == ["card-000.png"]


@pytest.mark.parametrize("columns", ["x1,y1,x2,y2", "xmin,ymin,xmax,ymax"])
def test_corners_are_pixels(labels, columns):
    lines = ["card-000.png,red,1,2,30,20", "card-000.png,blue,5,5,10,10", "card-001.png,,,,,"]
    first, empty = box_truths(labels(f"file,class,{columns}", *lines), COLORS)
    np.testing.assert_array_equal(first.xyxy, np.array([[1, 2, 30, 20], [5, 5, 10, 10]], np.float32))
    assert (first.xyxy.dtype, first.classes.tolist()) == (np.float32, [0, 2])
    assert (empty.xyxy.shape, empty.classes.shape) == ((0, 4), (0,))


def test_centres_are_shares_of_the_picture(labels):
    (truth,) = box_truths(labels("file,class_id,cx,cy,w,h", "card-000.png,4,0.5,0.25,0.5,0.5"), ())
    np.testing.assert_allclose(truth.xyxy, [[15, 0, 45, 20]])
    assert truth.classes.tolist() == [4]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["name,label", "a,1"], "expected a column 'file', got columns name, label"),
        (
            ["file,category", "card-001.png,1"],
            "expected a column of label, class_id, class, class_name, name, mask, ",
        ),
        (["file,label", "x.png,1", "y.png,1"], "expected labels of files in {0} or {0}/cards, got none that is there"),
        (["file,label", "card-001.png,1", "y.png,1"], "expected the file y.png in {0} or {0}/cards, got nothing there"),
        (["file,label,role", "card-001.png,1,calibration"], "expected rows to score, got only rows with the role"),
    ],
)
def test_labels_of_other_files_are_refused(labels, tmp_path, lines, message):
    text, _ = refused(labels, *lines)
    assert text.startswith(f"{tmp_path}/labels.csv: {message.format(tmp_path)}")


def test_the_hint_names_what_was_looked_for(labels):
    assert refused(labels, "file,label", "x.png,1")[1] == "the first row names x.png"


@pytest.mark.parametrize("value", ["violet", "3", "-1", "1.0", "²", "9" * 5000, ""])
def test_a_class_that_the_model_does_not_have_is_refused(labels, tmp_path, value):
    found = labels("file,label", f"card-001.png,{value}", "card-002.png,1")
    message, hint = refused(class_truths, found, COLORS, 3)
    where = f"{tmp_path}/labels.csv"
    assert message == f"{where}: expected a class name or 0 to 2 for card-001.png, got '{value}'"
    assert hint == "give --class-names FILE"


def test_a_classifier_has_one_row_a_picture(labels, tmp_path):
    found = labels("file,label", "card-001.png,1", "card-001.png,2")
    assert refused(class_truths, found, COLORS, 3)[0] == (
        f"{tmp_path}/labels.csv: expected one row for card-001.png, got 2"
    )


@pytest.mark.parametrize(
    ("columns", "box", "message"),
    [
        ("left,top,right,bottom", "1,2,3,4", "expected columns x1,y1,x2,y2 or cx,cy,w,h, got file, class, left"),
        ("x1,y1,x2,y2", "1,2,3,", "expected numbers in x1, y1, x2, y2, got could not convert string to float: ''"),
        ("x1,y1,x2,y2", "1,2,nan,4", "expected x1, y1, x2, y2 in pixels, got nan for card-001.png"),
        ("cx,cy,w,h", "32,20,6,4", "expected cx, cy, w, h in shares of the picture, got 32 for card-001.png"),
    ],
)
def test_boxes_that_are_none_are_refused(labels, tmp_path, columns, box, message):
    found = labels(f"file,class,{columns}", f"card-001.png,red,{box}")
    assert refused(box_truths, found, COLORS)[0].startswith(f"{tmp_path}/labels.csv: {message}")


def test_classes_come_from_an_array(tmp_path):
    np.savez(tmp_path / "y.npz", y=np.array([2, 0, 1], np.uint8), x=np.zeros(3))
    np.save(tmp_path / "y.npy", np.array([5, 6]))
    assert array_truths(f"{tmp_path}/y.npz:y", 3) == [2, 0, 1]
    assert array_truths(f"{tmp_path}/y.npy", 0) == [5, 6]


@pytest.mark.parametrize(
    ("array", "got"),
    [
        (np.zeros((3, 2), np.int64), "expected one array [n] of class indices, got int64 [3, 2]"),
        (np.zeros(3), "expected one array [n] of class indices, got float64 [3]"),
        (np.zeros(0, np.int64), "expected one array [n] of class indices, got int64 [0]"),
        (np.array(["cat"]), "expected one array [n] of class indices, got no numbers"),
        (np.array([0, 3]), "expected classes 0 to 2, got 0 to 3"),
        (np.array([-1, 1]), "expected classes 0 to 2, got -1 to 1"),
    ],
)
def test_arrays_that_are_no_classes_are_refused(tmp_path, array, got):
    np.save(tmp_path / "y.npy", array)
    assert refused(array_truths, f"{tmp_path}/y.npy", 3)[0] == f"{tmp_path}/y.npy: {got}"


def test_an_archive_of_several_arrays_needs_a_key(tmp_path):
    np.savez(tmp_path / "y.npz", y=np.zeros(3, int), z=np.zeros(3, int))
    message, hint = refused(array_truths, f"{tmp_path}/y.npz", 3)
    assert message.endswith("expected one array [n] of class indices, got int64 [3], int64 [3]")
    assert hint == "name it: FILE.npz:key"


def test_the_labels_that_the_tests_write_are_read(tmp_path):
    write_cards(tmp_path, range(6))
    found = read_labels(write_labels(tmp_path / "labels.csv", range(6), role="eval"), [])
    assert class_truths(found, COLORS, 3) == [0, 1, 2, 0, 1, 2]


def test_a_map_is_a_grey_picture_of_classes(labels, tmp_path):
    classes = np.tile(np.array([0, 1, 2, 255], np.uint8), (40, 15))
    cv2.imwrite(str(tmp_path / "one.png"), classes)
    (found,) = map_truths(labels("file,mask", "card-001.png,one.png"))
    assert np.array_equal(found, classes)
    cv2.imwrite(str(tmp_path / "one.png"), np.dstack([classes, classes, classes // 2]))
    told, _ = refused(map_truths, labels("file,mask", "card-001.png,one.png"))
    assert told == f"{tmp_path}/one.png: expected a grey picture of classes, got colours"


def test_a_file_without_a_map_is_refused(labels, tmp_path):
    told, _ = refused(map_truths, labels("file,mask", "card-001.png,"))
    assert told == f"{tmp_path}/labels.csv: expected one row with a mask for card-001.png, got 1"


def test_values_are_the_rows_of_an_array(tmp_path):
    np.savez(tmp_path / "y.npz", y=np.arange(6).reshape(3, 2), name=np.array([True]))
    assert [one.tolist() for one in value_truths(f"{tmp_path}/y.npz:y")] == [[0, 1], [2, 3], [4, 5]]
    told, hint = refused(value_truths, f"{tmp_path}/y.npz:name")
    assert (told, hint) == (
        f"{tmp_path}/y.npz:name: expected one array [n, ...] of numbers, got bool [1]",
        "name it: FILE.npz:key",
    )
