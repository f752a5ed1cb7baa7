"""TensorFlow's graphs: what a function or a file computes, with all its constants inside, and that as ONNX by tf2onnx.

- `freeze` also takes in constants that a function caught from outside, which tf2onnx would leave as inputs.
- `cut` makes an input of any tensor, so that what stands before it stays outside.
- Inputs and outputs get the names and axes that a user knows: a free batch is `batch`, whatever tf2onnx calls it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from edge_sdk.convert.layout import Axes, as_source, input_shapes, is_turned, turn
from edge_sdk.convert.record import Exported, Order, Shape
from edge_sdk.errors import InputError
from edge_sdk.records import near_match
from edge_sdk.tensors import Array, Tensors

Definition = Any
"""A `GraphDef`."""
NEWEST_OPSET = 18
"""The newest operator set that tf2onnx writes."""
_NO_LAYERS = frozenset({"Const", "Placeholder", "PlaceholderWithDefault", "Identity"})


class Graph:
    """A graph that needs nothing but its inputs.

    Args:
        definition: The graph.
        inputs: The tensor of each input, by the name that a user knows.
        outputs: The tensor of each output, likewise.
    """

    def __init__(self, definition: Definition, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> None:
        import tensorflow as tf

        self.definition = definition
        self.inputs = inputs
        self.outputs = outputs
        self._wrapped = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(definition, name=""), [])
        self._computing: Any = None  # made once: making it takes a second where there are loops

    def find(self, tensor: str, where: str) -> Any:
        """Return a tensor of the graph.

        Raises:
            InputError: There is none of this name.
        """
        try:
            return self._wrapped.graph.get_tensor_by_name(tensor if ":" in tensor else f"{tensor}:0")
        except (KeyError, ValueError) as exc:
            names = [operator.name for operator in self._wrapped.graph.get_operations()]
            near = near_match(tensor, names)
            raise InputError(f"{where}: expected a tensor of the graph, got {tensor}{near}") from exc

    def axes(self) -> dict[str, Axes | None]:
        """Return the sizes of each input, None for a free one; None where nothing is known."""
        shapes = {name: self.find(tensor, name).shape for name, tensor in self.inputs.items()}
        return {name: None if shape.rank is None else tuple(shape) for name, shape in shapes.items()}

    def run(self, tensors: Tensors) -> dict[str, Array]:
        """Compute the outputs."""
        if self._computing is None:
            self._computing = self._computation(list(self.outputs.values()))
        return dict(zip(self.outputs, self._values(self._computing, tensors), strict=True))

    def layers(self, tensors: Tensors) -> Iterable[tuple[str, Array]]:
        """Return what each operator gives in float, in the order of the graph."""
        names = [
            operator.name
            for operator in self._wrapped.graph.get_operations()
            if operator.type not in _NO_LAYERS and operator.outputs and operator.outputs[0].dtype.is_floating
        ]
        computing = self._computation([f"{name}:0" for name in names])
        return zip(names, self._values(computing, tensors), strict=True)

    def _computation(self, wanted: Sequence[str]) -> Any:
        """Return a function of the inputs that gives some tensors."""
        find = self._wrapped.graph.get_tensor_by_name
        return self._wrapped.prune([find(name) for name in self.inputs.values()], [find(name) for name in wanted])

    def _values(self, computing: Any, tensors: Tensors) -> list[Array]:
        import tensorflow as tf

        return [np.asarray(value) for value in computing(*[tf.constant(tensors[name]) for name in self.inputs])]


def freeze(function: Any, inputs: Sequence[str], outputs: Sequence[str]) -> Graph:
    """Return the graph of a `ConcreteFunction`, variables and caught constants made part of it.

    Args:
        function: The function.
        inputs: Names for its inputs, in their order.
        outputs: Names for its outputs, in their order.

    Raises:
        InputError: It changes its own variables, as the seeds of a recurrent dropout do.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    try:
        frozen = convert_variables_to_constants_v2(function, lower_control_flow=False, aggressive_inlining=True)
    except ValueError as exc:
        if "expected resource" not in str(exc):
            raise
        raise InputError(
            "source: expected a function that leaves its variables alone, got one that assigns to them",
            hint="with recurrent dropout, convert the Keras model itself (.keras or .h5), which leaves dropout out",
        ) from exc
    definition = frozen.graph.as_graph_def()
    caught = {placeholder.op.name: np.asarray(value) for value, placeholder in frozen.graph.captures}
    for node in definition.node:
        if node.name in caught:
            _make_constant(node, caught[node.name])
    given = [tensor.name for tensor in frozen.inputs if tensor.op.name not in caught]
    made = [tensor.name for tensor in frozen.outputs]
    return Graph(definition, dict(zip(inputs, given, strict=True)), dict(zip(outputs, made, strict=True)))


def cut(definition: Definition, tensors: Sequence[str], outputs: Mapping[str, str], where: str) -> Graph:
    """Return a graph of which some tensors are the inputs.

    Args:
        definition: The graph.
        tensors: The tensors that become inputs, such as `Mfcc:0`.
        outputs: The tensor of each output, by name.
        where: What messages call the graph.

    Raises:
        InputError: There is no such tensor, or the outputs need other inputs as well.
    """
    import tensorflow as tf

    whole = Graph(definition, {}, outputs)
    new, inputs = tf.compat.v1.GraphDef(), dict[str, str]()
    new.CopyFrom(definition)
    for told in tensors:
        tensor = whole.find(told, where)
        name = tensor.op.name if tensor.value_index == 0 else f"{tensor.op.name}_{tensor.value_index}"
        inputs[name] = f"{name}/input:0"
        for node in new.node:
            node.input[:] = [f"{name}/input" if one in {told, told.removesuffix(":0")} else one for one in node.input]
        new.node.append(_placeholder(f"{name}/input", tensor))
    kept = tf.compat.v1.graph_util.extract_sub_graph(new, [name.split(":")[0] for name in outputs.values()])
    others = [node.name for node in kept.node if node.op == "Placeholder" and f"{node.name}:0" not in inputs.values()]
    if others:
        raise InputError(f"{where}: expected outputs that need {', '.join(tensors)} only, got {', '.join(others)} too")
    return Graph(kept, inputs, outputs)


class GraphExport:
    """A graph on its way to ONNX, and how inputs of the ONNX model become those of the graph again.

    Args:
        graph: The graph.
        order: What is asked.
        channels_first: Whether pictures have their channels first in the graph.

    Attributes:
        shapes: The shape of each input in the graph's order of axes, where it is known.
        turned: The inputs whose channels come first in the ONNX model and last in the graph.
    """

    def __init__(self, graph: Graph, order: Order, *, channels_first: bool = False) -> None:
        self._graph = graph
        self._order = order
        self.shapes = input_shapes(order, graph.axes())
        self.turned = frozenset(
            name for name, shape in self.shapes.items() if is_turned(order, shape, channels_first=channels_first)
        )

    def as_source(self, tensors: Tensors) -> Tensors:
        """Return the inputs of the ONNX model as the graph takes them."""
        return as_source(tensors, self.turned)

    def export(self) -> Exported:
        """Return the ONNX model.

        Raises:
            InputError: It has operators that ONNX does not have.
        """
        import tf2onnx

        logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
        inputs, outputs = self._graph.inputs, self._graph.outputs
        model, _ = tf2onnx.convert.from_graph_def(
            self._shaped(),
            name="model",
            input_names=list(inputs.values()),
            output_names=list(outputs.values()),
            opset=min(self._order.opset, NEWEST_OPSET),
            inputs_as_nchw=[inputs[name] for name in self.turned],
            tensors_to_rename={tensor: name for name, tensor in (*inputs.items(), *outputs.items())},
        )
        _require_onnx(model, self._graph.definition, self._order.source)
        for name in inputs:
            if name not in self.shapes:
                raise InputError(f"{self._order.source}: expected --input-shape {name}=…, got no shape from the source")
        name_axes(model, {name: turn(shape) if name in self.turned else shape for name, shape in self.shapes.items()})
        return Exported(model.SerializeToString(), f"tf2onnx {version('tf2onnx')}")

    def _shaped(self) -> Definition:
        """Return the graph with the shapes of its inputs."""
        import tensorflow as tf

        places = {self._graph.inputs[name].split(":")[0]: shape for name, shape in self.shapes.items()}
        definition = tf.compat.v1.GraphDef()
        definition.CopyFrom(self._graph.definition)
        for node in definition.node:
            if node.name in places:
                sizes = [size if isinstance(size, int) else None for size in places[node.name]]
                node.attr["shape"].shape.CopyFrom(tf.TensorShape(sizes).as_proto())
        return definition


def name_axes(model: Any, shapes: Mapping[str, Shape]) -> None:
    """Name the free axes of an ONNX model's inputs, and the free batch of its outputs; the rest of tf2onnx's names go.

    Args:
        model: The model.
        shapes: The shape of each input.
    """
    for entry in model.graph.input:
        for place, size in zip(entry.type.tensor_type.shape.dim, shapes[entry.name], strict=True):
            place.Clear()
            setattr(place, "dim_value" if isinstance(size, int) else "dim_param", size)
    batch = next((str(shape[0]) for shape in shapes.values() if shape and isinstance(shape[0], str)), "")
    for entry in model.graph.output:
        for axis, place in enumerate(entry.type.tensor_type.shape.dim):
            if not place.dim_value:
                place.dim_param = batch if axis == 0 and batch else f"{entry.name}_{axis}"
    del model.graph.value_info[:]


def unknown_operators(model: Any) -> frozenset[str]:
    """Return the operators that tf2onnx left as they were, for ONNX has none like them."""
    import onnx

    return frozenset(node.op_type for node in model.graph.node if not node.domain and not onnx.defs.has(node.op_type))


def _require_onnx(model: Any, definition: Definition, where: str) -> None:
    unknown = unknown_operators(model)
    if not unknown:
        return
    made = {node.name for node in definition.node if node.op in unknown}
    given = (tensor for node in definition.node if node.op not in unknown for tensor in node.input)
    behind = {tensor for tensor in given if tensor.split(":")[0] in made}
    cuts = " ".join(f"--inputs-at {tensor if ':' in tensor else f'{tensor}:0'}" for tensor in sorted(behind))
    raise InputError(
        f"{where}: expected operators that ONNX has, got {', '.join(sorted(unknown))}",
        hint=f"what they do stays outside if the graph is cut behind them: {cuts}" if cuts else "",
    )


def _make_constant(node: Any, value: Array) -> None:
    import tensorflow as tf

    node.op = "Const"
    node.attr.clear()
    node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))


def _placeholder(name: str, tensor: Any) -> Any:
    import tensorflow as tf

    node = tf.compat.v1.NodeDef(name=name, op="Placeholder")
    node.attr["dtype"].type = tensor.dtype.as_datatype_enum
    node.attr["shape"].shape.CopyFrom(tensor.shape.as_proto())
    return node
