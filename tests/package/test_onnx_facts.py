"""The facts of an ONNX file, read without the onnx package: here compared with what onnx itself says."""

from __future__ import annotations

import io
import os
from pathlib import Path

import onnx
import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from edge_sdk.errors import InputError
from edge_sdk.package.onnx_facts import NESTED, OnnxFacts, read_facts

ASSETS = Path(os.environ.get("EDGE_SDK_ASSETS", Path(__file__).parents[3] / "shared" / "assets"))


def facts_of(data: bytes) -> OnnxFacts:
    return read_facts(io.BytesIO(data), len(data), where="m.onnx")


def tensor(*, external: bool) -> TensorProto:
    made = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    if external:
        made.ClearField("float_data")
        made.data_location = TensorProto.EXTERNAL
        made.external_data.add(key="location", value="../w.bin")
    return made


def graph(*nodes, **fields) -> onnx.GraphProto:
    return helper.make_graph(list(nodes), "g", [], [], **fields)


def model(a_graph, **fields) -> onnx.ModelProto:
    return helper.make_model(a_graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9, **fields)


def constant(value) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["w"], value=value)


def sparse(values) -> onnx.SparseTensorProto:
    return helper.make_sparse_tensor(values, helper.make_tensor("i", TensorProto.INT64, [1], [0]), [4])


def training(a_tensor) -> onnx.ModelProto:
    made = model(graph())
    made.training_info.add(algorithm=graph(constant(a_tensor)))
    return made


def function(a_tensor) -> onnx.ModelProto:
    opsets = [helper.make_opsetid("", 17)]
    return model(graph(), functions=[helper.make_function("d", "f", [], ["w"], [constant(a_tensor)], opsets)])


def default(a_tensor) -> onnx.ModelProto:
    made = function(tensor(external=False))
    made.functions[0].attribute_proto.append(helper.make_attribute("a", a_tensor))
    return made


PLACES = {
    "initializer": lambda t: model(graph(initializer=[t])),
    "sparse initializer": lambda t: model(graph(sparse_initializer=[sparse(t)])),
    "constant": lambda t: model(graph(constant(t))),
    "list of tensors": lambda t: model(graph(helper.make_node("N", [], [], ts=[tensor(external=False), t]))),
    "sparse constant": lambda t: model(graph(helper.make_node("Constant", [], ["w"], sparse_value=sparse(t)))),
    "list of sparse tensors": lambda t: model(graph(helper.make_node("N", [], [], ts=[sparse(t)]))),
    "subgraph": lambda t: model(graph(helper.make_node("If", ["c"], ["y"], then_branch=graph(constant(t))))),
    "list of subgraphs": lambda t: model(graph(helper.make_node("N", [], [], gs=[graph(initializer=[t])]))),
    "subgraph of a subgraph": lambda t: model(
        graph(helper.make_node("Loop", [], [], body=graph(helper.make_node("If", [], [], b=graph(constant(t))))))
    ),
    "function": function,
    "default of a function's attribute": default,
    "training": training,
}


@pytest.mark.parametrize("place", PLACES)
def test_external_data_is_found_wherever_a_tensor_can_be(place):
    assert facts_of(PLACES[place](tensor(external=False)).SerializeToString()) == OnnxFacts(9, 17, False)
    assert facts_of(PLACES[place](tensor(external=True)).SerializeToString()) == OnnxFacts(9, 17, True)


@pytest.mark.parametrize("fields", [{"data_location": 1}, {"external_data": [{"key": "location", "value": "w.bin"}]}])
def test_either_sign_of_external_data_is_enough(fields):
    assert facts_of(model(graph(initializer=[TensorProto(name="w", **fields)])).SerializeToString()).has_external_data


def test_a_part_that_is_merged_in_later_is_seen():
    late = onnx.ModelProto(ir_version=10, graph=graph(initializer=[tensor(external=True)]))
    data = model(graph()).SerializeToString() + late.SerializeToString()
    assert facts_of(data) == OnnxFacts(10, 17, True)
    assert onnx.ModelProto.FromString(data).ir_version == 10


def test_every_way_to_a_tensor_in_onnx_is_known():
    known = {
        message: {number: inner for number, inner in fields.items()} for message, fields in NESTED.items() if fields
    }
    assert known == ways_to_tensors(onnx.ModelProto.DESCRIPTOR)


def ways_to_tensors(root) -> dict[str, dict[int, str]]:
    """Return which fields of which messages lead to a TensorProto, from onnx's own description."""
    messages, waiting = {}, [root]
    while waiting:
        message = waiting.pop()
        if message.name not in messages:
            messages[message.name] = {f.number: f.message_type for f in message.fields if f.message_type}
            waiting += messages[message.name].values()
    leading = {"TensorProto"}
    while (
        more := {name for name, fields in messages.items() if any(m.name in leading for m in fields.values())} - leading
    ):
        leading |= more
    return {
        name: {number: m.name for number, m in messages[name].items() if m.name in leading}
        for name in leading - {"TensorProto"}
    }


@pytest.mark.parametrize(
    ("opsets", "message"),
    [
        ([("ai.onnx.ml", 3)], "m.onnx: expected one ai.onnx operator set, got 0"),
        ([("", 13), ("ai.onnx", 14)], "m.onnx: expected one ai.onnx operator set, got 2"),
    ],
)
def test_a_model_of_no_or_two_operator_sets_is_refused(opsets, message):
    made = helper.make_model(graph(), opset_imports=[helper.make_opsetid(*opset) for opset in opsets])
    with pytest.raises(InputError, match=message):
        facts_of(made.SerializeToString())


def test_one_operator_set_said_twice_is_one():
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 3), helper.make_opsetid("", 15)]
    assert facts_of(helper.make_model(graph(), opset_imports=opsets).SerializeToString()).opset == 15


BROKEN = {
    "text": (b"not a model", "a broken field at byte "),
    "cut in a field": (b"\x08", "its end in the middle of a field"),
    "field 0": (b"\x00\x00", "a broken field at byte 2"),
    "group": (b"\x0b\x0c", "a broken field at byte 1"),
    "longer than the file": (b"\x3a\x7f", "a broken field at byte 2"),
    "longer than its message": (b"\x3a\x02\x0a\x05" + bytes(9), "a broken field at byte 4"),
    "length of 2^64 - 1": (b"\x3a" + b"\xff" * 9 + b"\x01", "a broken field at byte 11"),
    "endless number": (b"\x08" + b"\xff" * 20, "a number of more than 64 bits"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_model_is_refused(case):
    data, message = BROKEN[case]
    with pytest.raises(InputError, match=f"^m.onnx: expected an ONNX model, got {message}"):
        facts_of(data)


def test_messages_inside_each_other_without_end_are_refused():
    subgraph = b""
    for _ in range(40):
        subgraph = field(1, field(5, field(6, subgraph)))  # a node with an attribute with a graph
    with pytest.raises(InputError, match="expected an ONNX model, got more than 100 messages inside each other"):
        facts_of(field(7, subgraph))


def field(number: int, data: bytes) -> bytes:
    assert len(data) < 1 << 14
    return bytes([number << 3 | 2, len(data) & 127 | 128, len(data) >> 7]) + data


GOOD = [make(tensor(external=external)).SerializeToString() for make in PLACES.values() for external in (True, False)]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    check_against_onnx(data)


@settings(max_examples=500)
@given(st.sampled_from(GOOD), st.data())
def test_any_change_of_a_model_is_read_as_onnx_reads_it_or_refused(good, draw):
    start = draw.draw(st.integers(0, len(good)))
    end = draw.draw(st.integers(start, min(len(good), start + 3)))
    check_against_onnx(good[:start] + draw.draw(st.binary(max_size=4)) + good[end:])


def check_against_onnx(data: bytes) -> None:
    """Read the facts; what onnx can read too must have external data only if the facts say so."""
    try:
        facts = facts_of(data)
    except InputError:
        return
    try:
        read = onnx.ModelProto.FromString(data)
    except DecodeError:
        return
    assert facts.ir == read.ir_version
    assert {opset.version for opset in read.opset_import if opset.domain in ("", "ai.onnx")} == {facts.opset}
    assert facts.has_external_data >= has_external_data(read)


def has_external_data(message) -> bool:
    if isinstance(message, TensorProto) and (message.external_data or message.data_location):
        return True
    return any(
        has_external_data(inner)
        for descriptor, value in message.ListFields()
        if descriptor.message_type
        for inner in ([value] if isinstance(value, Message) else value)
    )


@pytest.mark.parametrize("name", ["mobilenet_v2_1.0_224", "silero_vad_16k_op15", "cwru_rf", "ultraface_rfb_320"])
def test_real_models_are_read_as_onnx_reads_them(name):
    path = ASSETS / "models" / f"{name}.onnx"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    data = path.read_bytes()
    read = onnx.ModelProto.FromString(data)
    opset = next(opset.version for opset in read.opset_import if opset.domain == "")
    assert facts_of(data) == OnnxFacts(read.ir_version, opset, False)
