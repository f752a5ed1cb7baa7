"""A package of pixels the whole way: quantized, written, opened, proven, run; and those that take floats."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_sdk.errors import InputError
from edge_sdk.package import open_package
from edge_sdk.package.golden import Golden, worst_snr_db
from edge_sdk.preprocess import ImageSteps, Preprocess, prepare_image
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import ImageFlags, QuantRequest, quantize
from edge_sdk.runtime import Pipeline
from edge_sdk.session import SessionConfig, arm_config, config_for, open_session
from tests.quantize.cards import COLORS, build_classifier, card, save, write_cards, write_labels

BOARDS = ("raspberry-pi-5", "x86-64-vnni", "jetson-orin-nano")
PI, X86 = (load_profile(name) for name in BOARDS[:2])


def request(folder, boards=(PI,), **given):
    model = save(build_classifier(), folder / "cards.onnx")
    write_cards(folder / "data", range(60))
    labels = write_labels(folder / "data/labels.csv", range(60))
    told = {
        "labels": str(labels),
        "class_names": COLORS,
        "preprocess": ImageFlags(),
        "min_gain": 0.0,
        "trusts_data": True,
        **given,
    }
    return QuantRequest(model, tuple(boards), str(folder / "data"), **told)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Quantize the classifier of cards for two CPUs and a GPU; return the report and the package."""
    folder = tmp_path_factory.mktemp("pixels")
    report = quantize(request(folder, map(load_profile, BOARDS)), folder / "cards.edge")
    return report, open_package(folder / "cards.edge")


def test_families_of_cpus_take_pixels_and_the_package_says_so(made):
    report, package = made
    variants = package.manifest.variants
    assert {family: one.preprocess is not None for family, one in variants.items()} == {
        "arm-int8": True,
        "x86-int8": True,
        "tensorrt-int8": False,
    }
    steps = variants["arm-int8"].preprocess.image
    assert (steps.dtype, steps.color, steps.layout, steps.shape) == ("uint8", "bgra", "nhwc", (1, 24, 32, 4))
    assert package.manifest.preprocess.image.dtype == "float32"
    assert package.manifest.schema == 2
    takes = {one.family: one.takes for one in report.variants}
    assert takes["arm-int8"] == "the camera's pixels (uint8 [1, 24, 32, 4]), normalized by its first layer"
    assert takes["tensorrt-int8"].endswith(": integers begin behind the first Q/DQ pair, which stands behind its input")


def test_nothing_is_quantized_on_the_board_but_by_the_layers(made):
    arm, x86 = (next(one for one in made[0].variants if one.family == family) for family in ("arm-int8", "x86-int8"))
    assert arm.plans[0].integer_share == x86.plans[0].integer_share == 1
    assert "QuantizeLinear" not in {**arm.plans[0].operators, **x86.plans[0].operators}


def test_the_runtime_feeds_pixels_by_the_manifest_alone(made):
    package = made[1]
    with Pipeline(package.manifest, package.model_for(X86)[1], config=config_for(X86, "x86-int8")) as pipeline:
        tensors, _ = pipeline.prepare(card(4))
        assert tensors["x"].dtype == np.uint8
        assert [COLORS[pipeline(card(number)).classes[0]] for number in range(9)] == [*COLORS] * 3


def test_golden_frames_prove_each_variant(made):
    package = made[1]
    for family, board in (("arm-int8", PI), ("x86-int8", X86)):
        variant = package.manifest.variants[family]
        arrays = dict(np.load(io.BytesIO(package.read(variant.golden))))
        assert arrays["input:x"].dtype == np.uint8
        session = open_session(package.model_for(board)[1], arm_config(), where=family)
        assert worst_snr_db(Golden(arrays, variant.min_snr_db), session) >= variant.min_snr_db


def test_floats_for_a_model_of_pixels_are_refused_in_a_line(made):
    session = open_session(made[1].model_for(X86)[1], SessionConfig(), where="cards")
    floats, _ = prepare_image(made[1].manifest.preprocess.image, card(0))
    with pytest.raises(InputError, match=r"^cards: expected x as uint8, got float32$"):
        session.run({"x": floats})


def test_a_model_that_takes_bytes_by_itself_takes_pixels_without_a_cast(tmp_path):
    model = build_classifier()
    feed = [
        helper.make_node("Cast", ["bytes"], ["floats"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes"], "planes", perm=[0, 3, 1, 2]),
        helper.make_node("Div", ["planes", "white"], ["x"], "unit"),
    ]
    nodes = [*feed, *model.graph.node]
    del model.graph.node[:], model.graph.input[:]
    model.graph.node.extend(nodes)
    model.graph.input.append(helper.make_tensor_value_info("bytes", TensorProto.UINT8, [1, 24, 32, 3]))
    model.graph.initializer.append(numpy_helper.from_array(np.float32(255), "white"))
    steps = Preprocess(image=ImageSteps(size_wh=(32, 24), divisor=1.0, layout="nhwc", dtype="uint8"))
    given = replace(request(tmp_path, preprocess=steps), model=save(model, tmp_path / "bytes.onnx"))
    (variant,) = quantize(given, tmp_path / "m.edge").variants
    assert variant.takes.startswith("the camera's pixels (uint8 [1, 24, 32, 4])")
    assert variant.plans[0].pairs == 0


def test_on_request_floats_are_taken(tmp_path):
    (variant,) = quantize(request(tmp_path, input="float"), tmp_path / "m.edge").variants
    assert variant.takes == "the float model's own input: as asked for"
    manifest = open_package(tmp_path / "m.edge").manifest
    assert (manifest.schema, manifest.variants["arm-int8"].preprocess) == (1, None)


def test_a_board_may_want_floats(tmp_path):
    board = replace(PI, quantization=replace(PI.quantization, input="float"))
    (variant,) = quantize(request(tmp_path, [board]), tmp_path / "m.edge").variants
    assert variant.takes == "the float model's own input: as the board's profile says"


def test_pixels_on_request_are_given_or_refused(tmp_path):
    boards = [load_profile(name) for name in ("raspberry-pi-5", "jetson-orin-nano")]
    with pytest.raises(InputError, match="expected a model that can take pixels, got one that takes the float model's"):
        quantize(request(tmp_path, boards, input="pixels"), tmp_path / "m.edge")
    (variant,) = quantize(request(tmp_path, input="pixels"), tmp_path / "m.edge").variants
    assert "pixels" in variant.takes
