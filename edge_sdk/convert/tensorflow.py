"""TensorFlow: SavedModels, frozen graphs and functions, by tf2onnx.

- A SavedModel is a program. One that reads or writes files, or calls Python, is refused before it is loaded.
- What an optimizer left in a SavedModel is not loaded: Keras 3 cannot restore an optimizer of Keras 2.
- A frozen graph of TensorFlow 1 may begin with its own decoding (of sound, of pictures), which ONNX does not have:
  `Order.inputs_at` cuts it off.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edge_sdk.convert.record import Exported, Order, SourceFacts
from edge_sdk.convert.tf_graph import Definition, Graph, GraphExport, cut, freeze
from edge_sdk.errors import InputError
from edge_sdk.extras import require
from edge_sdk.tensors import Array, Tensors

EXTRA = "convert-tensorflow"
_SAVED = "saved_model.pb"
_DEFAULT = "serving_default"
_PYTHON = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})
_NO_OUTPUTS = frozenset({"Const", "NoOp", "Assert"})
_FILES = frozenset({"ReadFile", "WriteFile", "MatchingFiles", "PrintV2", "DebugIdentityV3"})


def open_source(order: Order, given: object = None) -> TensorflowSource:
    """Open a SavedModel, a frozen graph, or what a factory returned.

    Raises:
        InputError: The package is missing, or it is nothing that can be converted.
    """
    for module in ("tensorflow", "tf2onnx"):
        require(module, extra=EXTRA, where=order.source)
    if given is not None:
        return TensorflowSource(order, _of_function(given, order))
    if order.path.is_dir() or order.path.name == _SAVED:
        return TensorflowSource(order, _of_saved(order.path if order.path.is_dir() else order.path.parent, order))
    return TensorflowSource(order, _of_frozen(order))


class TensorflowSource:
    """A graph of TensorFlow.

    Args:
        order: What is asked.
        graph: The graph.
    """

    def __init__(self, order: Order, graph: Graph) -> None:
        self._graph = graph
        self._export = GraphExport(graph, order)

    def facts(self) -> SourceFacts:
        """Return the versions; a graph says nothing of what comes before it."""
        return SourceFacts({name: version(name) for name in ("tf2onnx", "numpy")} | _tensorflow())

    def export(self) -> Exported:
        """Return the ONNX model.

        Raises:
            InputError: It has operators that ONNX does not have.
        """
        return self._export.export()

    def run(self, tensors: Tensors) -> Tensors:
        """Compute what TensorFlow itself computes."""
        return self._graph.run(self._export.as_source(tensors))

    def layers(self, tensors: Tensors) -> Iterable[tuple[str, Array]]:
        """Return what the operators of the graph give."""
        return self._graph.layers(self._export.as_source(tensors))


def _tensorflow() -> dict[str, str]:
    import tensorflow as tf

    return {"tensorflow": str(tf.__version__)}


def _of_function(given: object, order: Order) -> Graph:
    """Return the graph of a `ConcreteFunction`, or of a `tf.function` that has an input signature.

    Raises:
        InputError: It is neither.
    """
    function: Any = given
    if hasattr(function, "get_concrete_function"):
        try:
            function = function.get_concrete_function()
        except TypeError as exc:
            raise InputError(f"{order.source}: expected a tf.function with an input_signature, got none") from exc
    if not hasattr(function, "structured_input_signature"):
        raise InputError(f"{order.source}: expected a function of TensorFlow, got {type(given).__name__}")
    return _of_concrete(function)


def _of_saved(folder: Path, order: Order) -> Graph:
    import tensorflow as tf

    with tempfile.TemporaryDirectory(prefix="edge-sdk-savedmodel-") as temporary:
        loaded = tf.saved_model.load(str(_without_optimizer(folder, Path(temporary) / "model", order)))
        signatures = dict(loaded.signatures)
        name = next(iter(signatures)) if len(signatures) == 1 else _DEFAULT
        if name not in signatures:
            raise InputError(
                f"{order.source}: expected the signature {_DEFAULT}, got {', '.join(signatures) or 'none'}",
                hint="save it with tf.saved_model.save(model, folder, signatures=function)",
            )
        return _of_concrete(signatures[name])


def _without_optimizer(folder: Path, copy: Path, order: Order) -> Path:
    """Return a copy of a SavedModel without the variables of its optimizer.

    Raises:
        InputError: It reads or writes files, or calls Python.
    """
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved = SavedModel()
    saved.ParseFromString((folder / _SAVED).read_bytes())
    for graph in saved.meta_graphs:
        _require_pure(graph.graph_def, order)
        for node in graph.object_graph_def.nodes:
            del node.slot_variables[:]
    shutil.copytree(folder, copy, copy_function=shutil.copyfile)
    (copy / _SAVED).write_bytes(saved.SerializeToString())
    return copy


def _require_pure(definition: Definition, order: Order) -> None:
    operators = {node.op for node in definition.node}
    operators |= {node.op for function in definition.library.function for node in function.node_def}
    if found := operators & _PYTHON:
        raise InputError(
            f"{order.source}: expected a graph of operators, got {', '.join(sorted(found))}, which calls Python code",
            hint="the code is not in the file: rewrite it with TensorFlow's operators",
        )
    if (found := operators & _FILES) and not order.trusts:
        raise InputError(
            f"{order.source}: expected --trust, for it has {', '.join(sorted(found))}, which reach files, got none",
            hint="say --trust if you or someone you trust made it",
        )


def _of_concrete(function: Any) -> Graph:
    import tensorflow as tf

    positional, named = function.structured_input_signature
    specs = tf.nest.flatten((positional, named))
    inputs = [spec.name or f"input_{index}" for index, spec in enumerate(specs)]
    return freeze(function, inputs, _output_names(function.structured_outputs))


def _output_names(outputs: Any) -> list[str]:
    import tensorflow as tf

    if isinstance(outputs, Mapping):
        return sorted(outputs)
    count = len(tf.nest.flatten(outputs))
    return ["output"] if count == 1 else [f"output_{index}" for index in range(count)]


def _of_frozen(order: Order) -> Graph:
    """Return a frozen graph, cut where the order says so.

    Raises:
        InputError: It is no frozen graph.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    definition = tf.compat.v1.GraphDef()
    try:
        definition.ParseFromString(order.path.read_bytes())
    except DecodeError as exc:
        raise InputError(f"{order.source}: expected a frozen graph of TensorFlow, got another file") from exc
    if not definition.node:
        raise InputError(f"{order.source}: expected a frozen graph of TensorFlow, got one without operators")
    _require_pure(definition, order)
    used = {name.split(":")[0].lstrip("^") for node in definition.node for name in node.input}
    ends = [node.name for node in definition.node if node.name not in used and node.op not in _NO_OUTPUTS]
    outputs = {name: f"{name}:0" for name in ends}
    if order.inputs_at:
        return cut(definition, order.inputs_at, outputs, order.source)
    starts = [node.name for node in definition.node if node.op.startswith("Placeholder")]
    return Graph(definition, {name: f"{name}:0" for name in starts}, outputs)
