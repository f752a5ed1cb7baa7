from __future__ import annotations

import zipfile

import cv2
import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.preprocess import Preprocess, WindowSteps, prepare_image
from edge_sdk.samples import find_file, load_array, read_rows, read_samples, split_key
from edge_sdk.tensors import TensorSpec
from tests.quantize.cards import STEPS, card, write_cards
from tests.runtime.models import write_clip

PICTURE = (TensorSpec("x", "float32", (1, 3, 24, 32)),)
PICTURES = Preprocess(image=STEPS)
AS_THEY_ARE = Preprocess()
WINDOW = (TensorSpec("x", "float32", (1, 2, 4)),)
WINDOWS = Preprocess(window=WindowSteps(columns=("ax", "ay"), samples=4, hop=2))
MANY = (
    TensorSpec("sound", "float32", (1, 8)),
    TensorSpec("state", "float32", (2, 1, 3)),
    TensorSpec("rate", "int64", ()),
)


def tensors(samples, name="x"):
    return np.stack([item.tensors[name] for item in samples])


def prepared(numbers):
    return np.stack([prepare_image(STEPS, card(n))[0] for n in numbers])


def refused(data, preprocess, inputs):
    with pytest.raises(InputError) as caught:
        list(read_samples(str(data), preprocess, inputs))
    return str(caught.value)


def test_a_folder_gives_its_pictures_in_the_order_of_their_names(tmp_path):
    samples = read_samples(str(write_cards(tmp_path, [7, 2, 11])), PICTURES, PICTURE)
    assert samples.names == tuple(str(tmp_path / f"card-{n:03d}.png") for n in (2, 7, 11))
    np.testing.assert_array_equal(tensors(samples), prepared([2, 7, 11]))
    assert [item.transform.source_wh for item in samples] == [(60, 40)] * 3


def test_subfolders_are_read_too(tmp_path):
    write_cards(tmp_path / "b" / "deep", [1])
    write_cards(tmp_path / "a", [2])
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    assert [name[len(str(tmp_path)) :] for name in read_samples(str(tmp_path), PICTURES, PICTURE).names] == [
        "/a/card-002.png",
        "/b/deep/card-001.png",
    ]


def test_one_picture_is_one_sample(tmp_path):
    samples = read_samples(str(write_cards(tmp_path, [4]) / "card-004.png"), PICTURES, PICTURE)
    np.testing.assert_array_equal(tensors(samples), prepared([4]))


def test_a_video_gives_its_frames_again_and_again(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", [np.full((40, 60, 3), 40 * i, np.uint8) for i in range(5)])
    samples = read_samples(str(clip), PICTURES, PICTURE)
    assert samples.names == tuple(f"{clip}[{i}]" for i in range(5))
    np.testing.assert_allclose(tensors(samples).mean(axis=(1, 2, 3, 4)), np.arange(5) * 40 / 255, atol=0.02)
    assert [item.name for item in samples.pick([1, 4])] == [f"{clip}[1]", f"{clip}[4]"]


def test_a_list_of_files_gives_those_for_calibration_once_each(tmp_path):
    write_cards(tmp_path / "p", range(4))
    rows = ["p/card-001.png,calibration", "p/card-002.png,eval", "p/card-003.png,calibration"]
    (tmp_path / "list.csv").write_text("\n".join(["file,role", *rows, rows[0], ""]))
    samples = read_samples(str(tmp_path / "list.csv"), PICTURES, PICTURE)
    np.testing.assert_array_equal(tensors(samples), prepared([1, 3]))


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int32", "bool"])
@pytest.mark.parametrize("shape", [(5, 1, 3, 24, 32), (5, 3, 24, 32), (5, 3 * 24 * 32)])
def test_an_array_of_any_numbers_is_taken_along_its_first_axis(tmp_path, dtype, shape):
    values = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    np.save(tmp_path / "x.npy", values)
    samples = read_samples(str(tmp_path / "x.npy"), AS_THEY_ARE, PICTURE)
    assert tensors(samples).dtype == np.float32
    np.testing.assert_array_equal(tensors(samples), values.reshape(5, 1, 3, 24, 32))


def test_the_array_of_an_archive_is_found_by_name_by_shape_or_by_key(tmp_path):
    x, other = np.ones((3, 3, 24, 32)), np.zeros((3, 3, 24, 32))
    np.savez(tmp_path / "name.npz", x=x, other=other)
    np.savez(tmp_path / "shape.npz", pictures=x, label=np.arange(3), name=np.array(["a", "b", "c"]))
    for data in ("name.npz", "shape.npz", "name.npz:x", "shape.npz:pictures"):
        assert tensors(read_samples(str(tmp_path / data), AS_THEY_ARE, PICTURE)).mean() == 1, data
    samples = read_samples(str(tmp_path / "name.npz:other"), AS_THEY_ARE, PICTURE)
    assert tensors(samples).mean() == 0
    assert samples.names[2] == f"{tmp_path}/name.npz:other[2]"


def test_several_inputs_come_by_their_names(tmp_path):
    arrays = {"sound": np.ones((4, 8)), "state": np.zeros((4, 2, 1, 3)), "rate": np.full(4, 16000)}
    np.savez(tmp_path / "x.npz", **arrays)
    item = next(iter(read_samples(str(tmp_path / "x.npz"), AS_THEY_ARE, MANY)))
    for spec in MANY:
        spec.check(item.tensors[spec.name], where="test")
    assert item.tensors["rate"] == 16000


def test_rows_of_sensor_values_are_cut_into_windows(tmp_path):
    rows = [f"{i},{10 * i},still" for i in range(9)]
    (tmp_path / "log.csv").write_text("\n".join(["ay, ax, state", *rows]))
    samples = read_samples(str(tmp_path / "log.csv"), WINDOWS, WINDOW)
    assert len(samples) == 3
    np.testing.assert_array_equal(tensors(samples)[1], [[[20, 30, 40, 50], [2, 3, 4, 5]]])


@pytest.mark.parametrize("shape", [(6, 4, 2), (6, 4)])
def test_arrays_of_windows_are_taken_as_they_lie(tmp_path, shape):
    values = np.arange(np.prod(shape)).reshape(shape)
    np.savez(tmp_path / "w.npz", windows=values, label=np.zeros(6))
    columns = ("ax", "ay")[: 1 if len(shape) == 2 else 2]
    steps = Preprocess(window=WindowSteps(columns=columns, samples=4, hop=4))
    samples = read_samples(str(tmp_path / "w.npz"), steps, (TensorSpec("x", "float32", (1, len(columns), 4)),))
    np.testing.assert_array_equal(tensors(samples)[2][0].T, values[2].reshape(4, -1))


def test_some_samples_are_picked_or_spread_evenly(tmp_path):
    samples = read_samples(str(write_cards(tmp_path, range(10))), PICTURES, PICTURE)
    picked, spread = samples.pick([0, 3, 8]).pick([1, 2]), samples.spread(4)
    np.testing.assert_array_equal(tensors(picked), prepared([3, 8]))
    np.testing.assert_array_equal(tensors(spread), prepared([0, 2, 5, 7]))
    assert samples.spread(10) is samples
    assert len({samples.digest, picked.digest, spread.digest}) == 3


def test_the_digest_tells_other_contents(tmp_path):
    before = read_samples(str(write_cards(tmp_path, range(3))), PICTURES, PICTURE).digest
    assert read_samples(str(tmp_path), PICTURES, PICTURE).digest == before
    cv2.imwrite(str(tmp_path / "card-001.png"), card(77))
    assert read_samples(str(tmp_path), PICTURES, PICTURE).digest != before


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    write_cards(tmp_path, range(3))
    (tmp_path / "card-001.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    samples = iter(read_samples(str(tmp_path), PICTURES, PICTURE))
    assert next(samples).name.endswith("card-000.png")
    with pytest.raises(InputError) as caught:
        next(samples)
    assert str(caught.value) == f"{tmp_path}/card-001.png: expected a picture, got 14 bytes that cannot be decoded"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("no.csv", "", "expected rows below a header line, got none"),
        ("short.csv", "file,role\na.png\n", "expected as many values in each row as in the header, got another count"),
        ("long.csv", "file\na.png,b\n", "expected as many values in each row as in the header, got another count in 1"),
        ("gone.csv", "file\na.png\n", "expected the file a.png in "),
        ("eval.csv", "file,role\na.png,eval\n", "expected rows with the role calibration, got none"),
        ("other.csv", "a,b\n1,2\n", "expected a column 'file', or [window] in the preprocessing, got columns a, b"),
        ("x.wav", "RIFF", "expected a folder of pictures, a video, .csv, .npy or .npz, got .wav"),
        ("x", "?", "expected a folder of pictures, a video, .csv, .npy or .npz, got a file"),
        ("x.mp4", "?", "expected a video, got a file that cannot be decoded"),
        ("x.npy", "?", "expected arrays of numbers (.npy, .npz), got "),
        ("x.npy", "\x93NUMPY\1\0\x10\0{'descr': '<f4',(", "expected arrays of numbers (.npy, .npz), got "),
        ("x.npz", "PK\3\4?", "expected arrays of numbers (.npy, .npz), got File is not a zip file"),
    ],
)
def test_what_is_no_data_is_refused(tmp_path, name, text, message):
    (tmp_path / name).write_text(text, encoding="latin-1")
    steps = AS_THEY_ARE if name.startswith("x.np") else PICTURES
    assert f"{tmp_path}/{name}: {message}" in refused(tmp_path / name, steps, PICTURE)


def test_nothing_there_is_refused(tmp_path):
    assert refused(tmp_path / "none", PICTURES, PICTURE) == f"{tmp_path}/none: expected data, got nothing there"
    assert "expected pictures (jpg, png, bmp, webp, tiff, ppm), got none" in refused(tmp_path, PICTURES, PICTURE)


@pytest.mark.parametrize(
    ("arrays", "got"),
    [
        ({"x": np.zeros((4, 5, 5))}, "x [4, 5, 5]"),
        ({"x": np.float32(1)}, "no numbers"),
        ({"x": np.array(["a", "b"])}, "no numbers"),
        ({"a": np.zeros((2, 3, 24, 32)), "b": np.zeros((2, 3, 24, 32))}, "a [2, 3, 24, 32], b [2, 3, 24, 32]"),
    ],
)
def test_arrays_that_do_not_fit_the_input_are_refused(tmp_path, arrays, got):
    np.savez(tmp_path / "x.npz", **arrays)
    message = refused(tmp_path / "x.npz", AS_THEY_ARE, PICTURE)
    assert message == f"{tmp_path}/x.npz: expected one array of x [1, 3, 24, 32] samples, got {got}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state": np.zeros((3, 2, 1, 3))}, "expected as many samples of each input, one or more, got sound [4, 8]"),
        ({"rate": np.zeros((4, 2))}, "expected one array of rate [] samples, got sound [4, 8], state [4, 2, 1, 3]"),
        (
            {"rate": np.int64(1)},
            "expected an .npz with arrays sound, state, rate for a model of 3 inputs, got none",
        ),
    ],
)
def test_several_inputs_that_do_not_fit_are_refused(tmp_path, change, message):
    arrays = {"sound": np.ones((4, 8)), "state": np.zeros((4, 2, 1, 3)), "rate": np.full(4, 16000)}
    np.savez(tmp_path / "x.npz", **{**arrays, **change})
    assert message in refused(tmp_path / "x.npz", AS_THEY_ARE, MANY)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["1,2"] * 3, "expected at least 4 rows for one window, got 3"),
        (["1,2", "1,much", "1,2", "1,2"], "expected numbers in ax, ay, got could not convert string to float: 'much'"),
    ],
)
def test_sensor_tables_that_give_no_window_are_refused(tmp_path, rows, message):
    (tmp_path / "log.csv").write_text("\n".join(["ax,ay", *rows]))
    assert refused(tmp_path / "log.csv", WINDOWS, WINDOW) == f"{tmp_path}/log.csv: {message}"
    (tmp_path / "log.csv").write_text("ax,az\n1,2\n")
    assert refused(tmp_path / "log.csv", WINDOWS, WINDOW).endswith(": expected columns ay, got ax, az")


def test_arrays_that_are_no_windows_are_refused(tmp_path):
    np.savez(tmp_path / "w.npz", a=np.zeros((6, 5, 2)), b=np.zeros((0, 4, 2)))
    message = refused(tmp_path / "w.npz", WINDOWS, WINDOW)
    assert message == f"{tmp_path}/w.npz: expected one array [n, 4, 2], got a [6, 5, 2], b [0, 4, 2]"


def test_data_and_preprocessing_must_be_of_one_kind(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 3, 24, 32)))
    write_cards(tmp_path, [1])
    assert "expected picture steps for pictures, got none" in refused(tmp_path, AS_THEY_ARE, PICTURE)
    assert "expected pictures or a video for picture steps, got arrays" in refused(
        tmp_path / "x.npy", PICTURES, PICTURE
    )
    assert "expected an .npz with arrays sound, state, rate" in refused(tmp_path, PICTURES, MANY)
    shape = refused(tmp_path, PICTURES, (TensorSpec("x", "float32", (1, 3, 32, 24)),))
    assert shape == f"{tmp_path}/card-001.png: expected x of shape [1, 3, 32, 24], got [1, 3, 24, 32]"


def test_an_archive_is_read_with_care(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as archive:
        archive.writestr("readme.txt", "no array")
    assert load_array(tmp_path / "other.npz", "") == {}
    np.savez(tmp_path / "objects.npz", x=np.array([{}], object))
    np.savez(tmp_path / "good.npz", x=np.zeros(2), y=np.zeros(2))
    cut = (tmp_path / "good.npz").read_bytes()[:-40]
    (tmp_path / "cut.npz").write_bytes(cut)
    for name in ("objects.npz", "cut.npz", "none.npz"):
        with pytest.raises(InputError, match=rf"{name}: expected "):
            load_array(tmp_path / name, "")
    with pytest.raises(InputError, match=r"good.npz: expected an array 'z' of numbers, got none"):
        load_array(tmp_path / "good.npz", "z")


@pytest.mark.parametrize(
    ("text", "path", "key"),
    [
        ("x.npz:key", "x.npz", "key"),
        ("X.NPZ:a:b", "X.NPZ:a:b", ""),
        ("x.npz", "x.npz", ""),
        ("a:b/x.npz", "a:b/x.npz", ""),
        ("x.csv:key", "x.csv:key", ""),
    ],
)
def test_a_key_stands_behind_an_archive_only(text, path, key):
    found, rest = split_key(text)
    assert (str(found), rest) == (path, key)


def test_tables_as_spreadsheets_write_them_are_read(tmp_path):
    (tmp_path / "x.csv").write_bytes("\ufefffile, label\r\na.png, 1\r\n\r\n".encode())
    assert read_rows(tmp_path / "x.csv") == [{"file": "a.png", "label": "1"}]
    (tmp_path / "x.csv").write_bytes(b"file\n\xff\xfe\n")
    with pytest.raises(InputError, match=r"x.csv: expected a CSV table, got "):
        read_rows(tmp_path / "x.csv")
    with pytest.raises(InputError, match=r"none.csv: expected a readable file, got "):
        read_rows(tmp_path / "none.csv")


def test_a_file_is_looked_for_in_each_folder(tmp_path):
    write_cards(tmp_path / "b", [1])
    folders = [tmp_path / "a", tmp_path / "b"]
    assert find_file("card-001.png", folders, tmp_path) == tmp_path / "b" / "card-001.png"
    with pytest.raises(InputError, match=r"list: expected the file x.png in .*/a or .*/b, got nothing there"):
        find_file("x.png", folders, tmp_path / "list")
