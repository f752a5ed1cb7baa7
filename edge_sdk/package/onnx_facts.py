"""What must be known of an ONNX file before onnxruntime sees it, read without the `onnx` package.

- One pass over the protobuf wire format, forward only and without recursion; weights are skipped, not loaded.
- Only messages that can hold a tensor are entered, wherever they are: in subgraphs, functions, sparse tensors.
- Bounded: a field takes at least one byte, and too many fields or messages inside each other are refused.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from edge_sdk.errors import InputError, TrustError
from edge_sdk.package.manifest import Variant

NESTED: Mapping[str, Mapping[int, str]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
}
"""The messages of onnx.proto that lead to a tensor, by the message and the number of the field that hold them."""

_NUMBER, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_BYTES = {_FIXED64: 8, _FIXED32: 4}
_WIRE_TYPES = frozenset({_NUMBER, _FIXED64, _BYTES, _FIXED32})
_UINT64 = (1 << 64) - 1
_IR = ("ModelProto", 1, _NUMBER)
_OPSET = ("ModelProto", 8, _BYTES)
_OPSET_DOMAIN = ("OperatorSetIdProto", 1, _BYTES)
_OPSET_VERSION = ("OperatorSetIdProto", 2, _NUMBER)
_EXTERNAL_DATA = ("TensorProto", 13, _BYTES)
_DATA_LOCATION = ("TensorProto", 14, _NUMBER)

_LISTS = {("AttributeProto", 7), ("AttributeProto", 8)}  # floats and ints
_NUMBERS = re.compile(rb"(?:\x3d.{4}|\x40[\x80-\xff]{0,9}[\x00-\x7f])+", re.DOTALL)
_LIST_BYTES = 1 << 16

_MAX_FIELDS = 1 << 22
_MAX_DEPTH = 100  # as in protobuf itself
_MAX_VALUE_BYTES = 1 << 10


@dataclass(frozen=True, slots=True)
class OnnxFacts:
    """What was found in an ONNX file.

    Attributes:
        ir: The IR version.
        opset: The version of the ai.onnx operator set.
        has_external_data: Whether the data of a tensor lies in another file.
    """

    ir: int
    opset: int
    has_external_data: bool


def read_facts(file: BinaryIO, size_bytes: int, *, where: str) -> OnnxFacts:
    """Read the facts of the ONNX model that starts at the file's position.

    Args:
        file: Where the model is; it can be seeked.
        size_bytes: Size of the model.
        where: What messages call it.

    Raises:
        InputError: It is not an ONNX model with one ai.onnx operator set.
    """
    ir, opsets, has_external_data = 0, set[int](), False
    try:
        for field, number, value in _fields(file, size_bytes, "ModelProto"):
            if field == _IR:
                ir = number
            elif field == _OPSET:
                opsets |= _default_opset(value)
            elif field == _EXTERNAL_DATA or (field == _DATA_LOCATION and number):
                has_external_data = True
    except ValueError as exc:
        raise InputError(f"{where}: expected an ONNX model, got {exc}") from exc
    if len(opsets) != 1:
        raise InputError(f"{where}: expected one ai.onnx operator set, got {len(opsets)}")
    return OnnxFacts(ir, opsets.pop(), has_external_data)


def check_model(file: BinaryIO, variant: Variant, *, where: str) -> None:
    """Check that the model at the file's position keeps its weights inside and is what the manifest says.

    Raises:
        InputError: It is not an ONNX model.
        TrustError: A tensor's data lies in another file, or the opset or IR is not the variant's.
    """
    facts = read_facts(file, variant.model.size_bytes, where=where)
    if facts.has_external_data:
        raise TrustError(f"{where}: expected all weights inside the model, got external data")
    if (facts.opset, facts.ir) != (variant.opset, variant.ir):
        raise TrustError(
            f"{where}: expected opset {variant.opset} and IR {variant.ir} as in the manifest, "
            f"got opset {facts.opset} and IR {facts.ir}"
        )


def _default_opset(message: bytes) -> set[int]:
    domain, version = b"", 0
    for field, number, value in _fields(io.BytesIO(message), len(message), "OperatorSetIdProto"):
        if field == _OPSET_DOMAIN:
            domain = value
        elif field == _OPSET_VERSION:
            version = number
    return {version} if domain in (b"", b"ai.onnx") else set()


def _fields(file: BinaryIO, size_bytes: int, message: str) -> Iterator[tuple[tuple[str, int, int], int, bytes]]:
    """Yield each field of a message and of those inside it: which it is, its number, its first bytes.

    Raises:
        ValueError: It is not such a message; the text says why.
    """
    inside = [(message, file.tell() + size_bytes)]
    for _ in range(_MAX_FIELDS):
        while inside and file.tell() == inside[-1][1]:
            inside.pop()
        if not inside:
            return
        message, end = inside[-1]
        field, wire = divmod(_varint(file), 8)
        number = _varint(file) if wire in (_NUMBER, _BYTES) else 0
        length = number if wire == _BYTES else _FIXED_BYTES.get(wire, 0)
        start = file.tell()
        if field == 0 or wire not in _WIRE_TYPES or start + length > end:
            raise ValueError(f"a broken field at byte {start}")
        if wire == _BYTES and field in NESTED.get(message, {}):
            inside.append((NESTED[message][field], start + length))
            if len(inside) > _MAX_DEPTH:
                raise ValueError(f"more than {_MAX_DEPTH} messages inside each other")
            continue
        yield (message, field, wire), number, file.read(min(length, _MAX_VALUE_BYTES))
        file.seek(start + length)
        if (message, field) in _LISTS:
            _skip_list(file, end)
    raise ValueError(f"more than {_MAX_FIELDS} fields")


def _skip_list(file: BinaryIO, end: int) -> None:
    """Skip more numbers of an attribute's list: each is a field of its own, and a forest of trees has millions."""
    start = file.tell()
    numbers = _NUMBERS.match(file.read(min(_LIST_BYTES, end - start)))
    file.seek(start + (numbers.end() if numbers else 0))


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise ValueError("its end in the middle of a field")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value & _UINT64
    raise ValueError("a number of more than 64 bits")
