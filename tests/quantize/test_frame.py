from __future__ import annotations

import numpy as np
import onnx
import pytest

from edge_sdk.preprocess import ImageSteps
from edge_sdk.quantize.frame import keep_steps, store_bytes
from edge_sdk.quantize.pixels import take_pixels
from edge_sdk.quantize.ranges import Quant
from edge_sdk.session import save_plan
from tests.quantize.models import as_it_is, run
from tests.quantize.pictures import IMAGENET, quantized, source

FRAMED = take_pixels(source(ImageSteps((16, 12), **IMAGENET)), max_opset=20)
EACH_BYTE = {"x": np.arange(256, dtype=np.uint8)}


def test_bytes_keep_the_steps_that_they_have():
    other = Quant(0.5, 3)
    quants = {"x_centred": other, "r": other}
    assert keep_steps(FRAMED.graph, quants) == {"x_centred": Quant(1.0, 114 - 128), "r": other}


@pytest.mark.parametrize(("family", "operators"), [("x86-int8", []), ("arm-int8", ["Add", "Cast"])])
def test_a_board_does_nothing_to_a_frame_but_shift_it(family, operators, tmp_path):
    save_plan(quantized(FRAMED, family), tmp_path / "plan.onnx", where="m")
    plan = onnx.load(tmp_path / "plan.onnx").graph
    assert [node.op_type for node in plan.node] == [
        *operators,
        "QLinearConv",
        "Reshape",
        "QGemm",
        "Reshape",
        "Transpose",
    ]
    file = onnx.load_from_string(quantized(FRAMED, family)).graph
    assert {tensor.name for tensor in file.initializer} <= {name for node in file.node for name in node.input}
    assert plan.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8


@pytest.mark.parametrize(("dtype", "least"), [("uint8", 0), ("int8", -128)])
def test_each_byte_is_stored_exactly(dtype, least):
    model = as_it_is(
        f"""(uint8[256] x, float s, {dtype} z) => ({dtype}[256] q)
        {{ f = Cast<to=1>(x) q = QuantizeLinear(f, s, z) }}""",
        s=1.0,
        z=least,
    )
    before, stored = run(model, EACH_BYTE)["q"], store_bytes(model)
    assert "QuantizeLinear" not in {node.op_type for node in stored.graph.node}
    np.testing.assert_array_equal(run(stored, EACH_BYTE)["q"], before)
    np.testing.assert_array_equal(before.astype(int) - least, EACH_BYTE["x"])


@pytest.mark.parametrize(
    ("scale", "zero", "source_type"), [(0.5, -128, "uint8"), (1.0, 0, "uint8"), (1.0, -128, "int32")]
)
def test_what_would_change_values_stays(scale, zero, source_type):
    model = as_it_is(
        f"""({source_type}[256] x, float s, int8 z) => (int8[256] q)
        {{ f = Cast<to=1>(x) q = QuantizeLinear(f, s, z) }}""",
        s=scale,
        z=zero,
    )
    assert [node.op_type for node in store_bytes(model).graph.node] == ["Cast", "QuantizeLinear"]
