from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_sdk import metadata
from edge_sdk.errors import InputError
from edge_sdk.preprocess import ImageSteps, Preprocess, WindowSteps
from edge_sdk.quantize.declare import (
    ImageFlags,
    class_names_from_file,
    class_names_from_metadata,
    preprocess_from_file,
    preprocess_from_flags,
    preprocess_from_metadata,
)
from edge_sdk.tensors import TensorSpec
from tests.quantize.cards import build_classifier

CASES = Path(__file__).parents[1] / "cases" / "quantize"
NCHW = (TensorSpec("x", "float32", (1, 3, 24, 32)),)
NHWC = (TensorSpec("x", "float32", (1, 24, 32, 3)),)
ULTRALYTICS = {"stride": "32", "task": "detect", "names": "{0: 'red', 1: 'green'}", "imgsz": "[24, 32]"}


def refused(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return str(caught.value), caught.value.hint


def test_a_file_declares_pictures():
    assert preprocess_from_file(CASES / "image.toml") == Preprocess(
        image=ImageSteps(
            size_wh=(224, 192),
            resize="crop",
            shorter_side=256,
            interpolation="area",
            color="bgr",
            divisor=255.0,
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
            layout="nhwc",
        )
    )


def test_a_file_declares_windows():
    assert preprocess_from_file(CASES / "window.toml") == Preprocess(
        window=WindowSteps(columns=("ax", "ay"), samples=128, hop=64, normalize="fixed", mean=(0.5,), std=(2.0, 3.0))
    )


def test_all_mistakes_of_a_file_are_told_by_their_places():
    path = CASES / "mistakes.toml"
    assert refused(preprocess_from_file, path)[0].splitlines() == [
        f"{path}: image.colour: unknown key; did you mean 'color'?",
        f"{path}: image.size_wh: expected 2 values, got 1",
        f"{path}: image.resize: expected one of 'stretch', 'letterbox', 'crop', got 'letterboxed'"
        "; did you mean 'letterbox'?",
        f"{path}: image.mean[1]: expected a number, got 'half'",
        f"{path}: window.columns: expected a list, got nothing",
        f"{path}: window.samples: expected a whole number, got 12.5",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[image\n", "expected TOML, got "),
        ("[image]\nsize_wh = [0, 4]\n", "image.size_wh: expected 1 to 16384 pixels, got [0, 4]"),
        (
            '[image]\nsize_wh = [4, 4]\n[window]\ncolumns = ["a"]\nsamples = 1\nhop = 1\n',
            "image, window: expected one of them, got both",
        ),
    ],
)
def test_a_file_that_declares_nothing_possible_is_refused(tmp_path, text, message):
    (tmp_path / "p.toml").write_text(text)
    assert refused(preprocess_from_file, tmp_path / "p.toml")[0].startswith(f"{tmp_path}/p.toml: {message}")


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path):
    assert "expected a readable file" in refused(preprocess_from_file, tmp_path / "none.toml")[0]
    (tmp_path / "p.toml").write_bytes(b"\xff\xfe")
    assert "expected TOML" in refused(preprocess_from_file, tmp_path / "p.toml")[0]


@pytest.mark.parametrize(("inputs", "layout"), [(NCHW, "nchw"), (NHWC, "nhwc")])
def test_size_and_layout_come_from_the_input(inputs, layout):
    declared = preprocess_from_flags(ImageFlags(), inputs)
    assert declared == Preprocess(image=ImageSteps(size_wh=(32, 24), layout=layout))


@pytest.mark.parametrize(
    ("flags", "steps"),
    [
        ({"normalize": "raw"}, {"divisor": 1.0}),
        ({"normalize": "unit"}, {"divisor": 255.0}),
        ({"normalize": "symmetric"}, {"divisor": 127.5, "mean": (1.0,)}),
        ({"normalize": "imagenet"}, {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}),
        ({"resize": "letterbox"}, {"resize": "letterbox"}),
        ({"resize": "crop"}, {"resize": "crop", "shorter_side": None}),
        ({"resize": "crop:40"}, {"resize": "crop", "shorter_side": 40}),
        ({"color": "bgr"}, {"color": "bgr"}),
    ],
)
def test_flags_are_the_common_cases(flags, steps):
    assert preprocess_from_flags(ImageFlags(**flags), NCHW).image == ImageSteps(size_wh=(32, 24), **steps)


@pytest.mark.parametrize("resize", ["fit", "", "crop:", "crop:x", "crop:²", "crop:999999", "letterbox:40", "Stretch"])
def test_a_resize_that_is_not_known_is_refused(resize):
    message, _ = refused(preprocess_from_flags, ImageFlags(resize=resize), NCHW)
    assert message == f"--resize: expected stretch, letterbox, crop or crop:256, got '{resize}'"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"resize": "crop:31"}, "flags: image.shorter_side: expected 32 to 16384 pixels, got 31"),
        ({"color": "gray", "normalize": "imagenet"}, "flags: image.mean: expected 1 or 1 values, got 3"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(flags, message):
    assert refused(preprocess_from_flags, ImageFlags(**flags), NCHW)[0] == message


@pytest.mark.parametrize("shape", [(1, 12, 24, 32), (1, 3), (1, 3, "h", "w"), (3, 24, 32)])
def test_flags_need_a_picture_input(shape):
    message, hint = refused(preprocess_from_flags, ImageFlags(), (TensorSpec("x", "float32", shape),))
    assert message.startswith("model: expected one picture input [1, 3, height, width] or [1, height, width, 3], got x")
    assert hint == "declare the preprocessing in a file: --preprocess FILE.toml"


def test_a_model_carries_its_declaration():
    steps = {"image": {"size_wh": [32, 24], "color": "bgr"}}
    model = build_classifier(metadata={metadata.PREPROCESS: json.dumps(steps)})
    assert preprocess_from_metadata(model, NCHW) == Preprocess(image=ImageSteps(size_wh=(32, 24), color="bgr"))
    assert preprocess_from_metadata(build_classifier(), NCHW) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "metadata edge_sdk.preprocess: expected JSON, got "),
        ("[" * 100_000, "metadata edge_sdk.preprocess: expected JSON, got "),
        ('{"image": {"size": 3}}', "metadata edge_sdk.preprocess: image.size: unknown key"),
    ],
)
def test_a_declaration_that_a_model_carries_is_checked(text, message):
    assert refused(preprocess_from_metadata, build_classifier(metadata={metadata.PREPROCESS: text}), NCHW)[
        0
    ].startswith(message)


@pytest.mark.parametrize(("task", "resize"), [("detect", "letterbox"), ("classify", "crop")])
def test_an_export_of_ultralytics_tells_its_preprocessing_and_names(task, resize):
    model = build_classifier(metadata={**ULTRALYTICS, "task": task})
    assert preprocess_from_metadata(model, NCHW) == Preprocess(image=ImageSteps(size_wh=(32, 24), resize=resize))
    assert class_names_from_metadata(model) == ("red", "green")


@pytest.mark.parametrize("names", ["{0: 'a', 2: 'b'}", "{0: 'a', 'x': 'b'}", "['a']", "boom()", "(" * 9999, "{{}: 1}"])
def test_names_that_are_no_table_of_classes_are_left_aside(names):
    assert class_names_from_metadata(build_classifier(metadata={"names": names})) == ()


def test_class_names_are_lines(tmp_path):
    (tmp_path / "names.txt").write_bytes("\ufeffred\r\n grün \nblue\n\n".encode())
    assert class_names_from_file(tmp_path / "names.txt") == ("red", "grün", "blue")


@pytest.mark.parametrize(("text", "got"), [("", "none"), ("\n \n", "none"), ("red\n\nblue\n", "an empty line")])
def test_class_names_with_a_gap_are_refused(tmp_path, text, got):
    (tmp_path / "names.txt").write_text(text)
    message, _ = refused(class_names_from_file, tmp_path / "names.txt")
    assert message == f"{tmp_path}/names.txt: expected class names, one a line, got {got}"
