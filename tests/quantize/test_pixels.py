from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_sdk.preprocess import ImageSteps, Preprocess
from edge_sdk.quantize.pixels import outputs_snr_db, take_pixels
from edge_sdk.tensors import snr_db
from tests.quantize.pictures import IMAGENET, NORMALIZATIONS, outputs, picture, quantized, source, tensors

SHAPES = {  # width and height; the convolution's attributes
    "square": ((16, 16), "pads=[1,1,1,1], strides=[2,2]"),
    "wide": ((23, 9), "pads=[0,2,1,1]"),
    "tall, no padding": ((7, 19), ""),
    "same": ((12, 9), 'auto_pad="SAME_UPPER", strides=[2,2]'),
}


def border(values):
    """Return the outermost pixels."""
    return np.concatenate([values[..., 0, :], values[..., -1, :], values[..., 0], values[..., -1]], axis=-1)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("color", ["rgb", "bgr", "gray"])
@pytest.mark.parametrize("normalize", NORMALIZATIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_pixels_give_what_floats_gave_at_the_border_and_inside(shape, normalize, color, layout):
    size_wh, attributes = SHAPES[shape]
    values = NORMALIZATIONS[normalize]
    if color == "gray":
        values = {name: value[:1] if isinstance(value, tuple) else value for name, value in values.items()}
    own = source(ImageSteps(size_wh=size_wh, color=color, layout=layout, **values), attributes)
    framed = take_pixels(own, max_opset=20)
    expected, got = outputs(own, picture()), outputs(framed, picture())
    assert np.abs(expected - got).max() < 2e-6 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("color", "mean", "channels", "zero"),
    [
        ("rgb", (0.0,), "bgra", 0),
        ("bgr", (103.5, 116.3, 123.7), "bgra", 114),
        ("gray", (0.0,), "gray", 0),
        ("gray", (127.0,), "gray", 127),
        ("gray", (127.6,), "ya8", 128),
        ("gray", (250.0,), "ya8", 128),
    ],
)
def test_one_whole_number_stands_for_the_mean_and_a_channel_of_255_for_the_rest(color, mean, channels, zero):
    framed = take_pixels(source(ImageSteps((16, 12), color=color, divisor=1.0, mean=mean, std=(50.0,))), max_opset=20)
    assert framed.preprocess.image.color == channels
    assert framed.graph.constants["x_mean"] == zero


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "crop"])
def test_both_paths_see_the_same_part_of_the_picture(resize):
    own = source(ImageSteps(size_wh=(20, 12), resize=resize, **IMAGENET))
    framed = take_pixels(own, max_opset=20)
    assert outputs_snr_db(own, tensors(own, picture()), framed, tensors(framed, picture())) > 110


@pytest.mark.parametrize("family", ["arm-int8", "x86-int8"])
@pytest.mark.parametrize("normalize", NORMALIZATIONS)
def test_in_integers_pixels_are_as_good_as_floats_within_1_db_and_2_at_the_border(normalize, family):
    own = source(ImageSteps(size_wh=(24, 18), **NORMALIZATIONS[normalize]))
    framed = take_pixels(own, max_opset=20)
    expected = outputs(own, picture())
    noise = {}
    for name, one in (("floats", own), ("pixels", framed)):
        got = outputs(one, picture(), quantized(one, family), family)
        noise[name] = (snr_db(expected, got), snr_db(border(expected), border(got)))
    assert min(noise["pixels"]) > 30
    assert np.all(np.array(noise["pixels"]) > np.array(noise["floats"]) - [1, 2])


def test_a_first_layer_in_float_takes_pixels_too():
    own = source(ImageSteps(size_wh=(24, 18), **IMAGENET))
    framed = take_pixels(own, max_opset=20)
    layers = [node.name for node in framed.graph.nodes if node.op_type == "Conv"]
    for excluded, least in ((layers[:1], 30), (layers, 110)):
        got = outputs(framed, picture(), quantized(framed, "x86-int8", excluded), "x86-int8")
        assert snr_db(outputs(own, picture()), got) > least


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        (Preprocess(), "its input is no picture"),
        (Preprocess(image=ImageSteps((16, 16), color="bgra")), "its pictures have the channels bgra"),
        (Preprocess(image=ImageSteps((8, 16))), "the input is not one picture [1, 3, 16, 8]"),
    ],
)
def test_what_is_declared_decides_first(steps, reason):
    own = replace(source(ImageSteps((16, 16))), preprocess=steps)
    assert take_pixels(own, max_opset=20) == reason


def test_a_board_of_old_operators_takes_floats():
    own = source(ImageSteps((16, 16)))
    assert take_pixels(own, max_opset=13) == "a board loads operator set 13, and adding pixels needs 14"
