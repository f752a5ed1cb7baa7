"""The ONNX graph that engines are given: sizes fixed, and intermediate tensors as outputs where layers are compared.

A copy is changed, never the file. All that is changed is what tells engines the sizes, and what comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_sdk.errors import InputError
from edge_sdk.files import unreadable
from edge_sdk.tensors import TensorSpec

Model = Any
Shapes = Mapping[str, tuple[int, ...]]
_MOST_LETTERS = 200
_TENSOR = "tensor_type"


@dataclass(frozen=True, slots=True)
class Layer:
    """An operator of the graph, by the tensor that it gives.

    Attributes:
        tensor: The tensor's name.
        node: The operator's name; empty where the file gives none.
        op: Its type, with its domain unless that is ONNX's own.
        attributes: Its attributes as text, such as `kernel_shape=[3, 3] strides=[2, 2]`.
    """

    tensor: str
    node: str
    op: str
    attributes: str

    def __str__(self) -> str:
        """Return it in a line, as messages name it."""
        named = f" {self.node}" if self.node else ""
        return f"{self.op}{named} ({self.attributes or 'no attributes'}), which gives {self.tensor}"


def read_model(path: Path) -> Model:
    """Read an ONNX file with its external data.

    Raises:
        InputError: It is not there, or is not ONNX.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return onnx.load(path, format="protobuf")
    except OSError as exc:
        raise unreadable(path, exc) from exc
    except (DecodeError, onnx.checker.ValidationError, ValueError) as exc:
        raise InputError(f"{path}: expected an ONNX model, got a file that cannot be read as one") from exc


def fix_sizes(model: Model, shapes: Shapes, *, where: str) -> Model:
    """Return a copy whose inputs have fixed sizes; weights are no inputs there.

    Args:
        model: The model.
        shapes: Sizes of inputs whose sizes are free; a free first axis is 1 without being told.
        where: What messages call it.

    Raises:
        InputError: A free size is not told, or what is told names no input, or does not fit it.
    """
    import onnx

    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    graph = fixed.graph
    weights = {tensor.name for tensor in graph.initializer} | {
        sparse.values.name for sparse in graph.sparse_initializer
    }
    inputs = [entry for entry in graph.input if entry.name not in weights]
    del graph.input[:]
    graph.input.extend(inputs)
    names = [entry.name for entry in inputs]
    if unknown := [name for name in shapes if name not in names]:
        raise InputError(f"--input-shape: expected one of {', '.join(names)}, got {unknown[0]}")
    for entry in graph.input:
        _fix(entry, shapes.get(entry.name), where)
    _forget_sizes(graph)
    return _inferred(fixed)


def specs_of(entries: Iterable[Any]) -> tuple[TensorSpec, ...]:
    """Return the specifications of a graph's inputs or outputs; free sizes keep their names."""
    return tuple(TensorSpec(entry.name, _dtype(entry), _shape(entry)) for entry in entries)


def layers_of(model: Model) -> tuple[Layer, ...]:
    """Return the operators whose tensors can be outputs, in the order of execution."""
    return tuple(
        Layer(output, node.name, f"{node.domain}.{node.op_type}".lstrip("."), _attributes(node))
        for node in model.graph.node
        for output in node.output
        if output and node.op_type != "Constant" and _is_tensor(node)
    )


def with_outputs(model: Model, tensors: Iterable[str]) -> Model:
    """Return a copy in which these tensors are outputs too, behind the model's own."""
    import onnx

    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    own = {output.name for output in model.graph.output}
    known = {entry.name: entry for entry in model.graph.value_info}
    for name in tensors:
        if name not in own:
            exposed.graph.output.append(known.get(name, onnx.ValueInfoProto(name=name)))
    return exposed


def _fix(entry: Any, sizes: tuple[int, ...] | None, where: str) -> None:
    axes = entry.type.tensor_type.shape.dim
    if sizes is not None and len(sizes) != len(axes):
        raise InputError(f"--input-shape: expected {len(axes)} sizes for {entry.name}, got {len(sizes)}")
    for i, axis in enumerate(axes):
        wanted = sizes[i] if sizes is not None else axis.dim_value or int(i == 0)
        if not wanted or axis.dim_value not in {0, wanted}:
            told = axis.dim_value or axis.dim_param or "a free size"
            raise InputError(
                f"{where}: expected a size for each axis of {entry.name}, got {told} for axis {i}",
                hint=f"tell it: --input-shape {entry.name}=1x3x224x224",
            )
        axis.Clear()
        axis.dim_value = wanted


def _forget_sizes(graph: Any) -> None:
    """Forget what was inferred while sizes were free; an output whose sizes are all declared keeps them."""
    del graph.value_info[:]
    for output in graph.output:
        if not all(axis.dim_value for axis in output.type.tensor_type.shape.dim):
            output.type.tensor_type.ClearField("shape")


def _inferred(model: Model) -> Model:
    """Return the model with the shapes that can be told; as it is where ONNX cannot tell."""
    import onnx

    try:
        return onnx.shape_inference.infer_shapes(model, data_prop=True)
    except onnx.shape_inference.InferenceError:
        return model


def _dtype(entry: Any) -> str:
    import onnx

    if not entry.type.HasField(_TENSOR):
        raise InputError(f"{entry.name}: expected a tensor, got {entry.type.WhichOneof('value')}")
    kind = entry.type.tensor_type.elem_type
    return "object" if kind == onnx.TensorProto.STRING else str(onnx.helper.tensor_dtype_to_np_dtype(kind))


def _shape(entry: Any) -> tuple[int | str, ...]:
    axes = entry.type.tensor_type.shape.dim
    return tuple(axis.dim_value or axis.dim_param or "?" for axis in axes)


def _attributes(node: Any) -> str:
    """Return the attributes as text; of tensors and graphs only that they are there."""
    import onnx

    simple = {1: "f", 2: "i", 3: "s", 6: "floats", 7: "ints", 8: "strings"}  # onnx.AttributeProto's types
    words = []
    for entry in sorted(node.attribute, key=lambda entry: str(entry.name)):
        value = onnx.helper.get_attribute_value(entry) if entry.type in simple else "…"
        text = value.decode(errors="replace") if isinstance(value, bytes) else value
        words.append(f"{entry.name}={list(text) if entry.type in {6, 7, 8} else text}")
    return " ".join(words)[:_MOST_LETTERS]


def _is_tensor(node: Any) -> bool:
    return not node.op_type.startswith(("Sequence", "SplitToSequence", "Optional"))
