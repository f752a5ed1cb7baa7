"""Keras 3: `.keras` files, `.h5` files also of Keras 2, and models that a factory returns.

- The source runs on its own backend: the one of `KERAS_BACKEND`, TensorFlow if nothing is said. TensorFlow exports it,
  in a second process where the backend is JAX or PyTorch: files are the same for all of them, and one exporter gives
  free batches, either layout, and LSTM layers as one operator. Parity is measured against the source's own backend.
- A Lambda layer is Python code: it is loaded only if the user trusts the file.
- What computes in mixed precision is converted, and compared, in float32, as its weights are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from edge_sdk.convert.keras_files import in_float32, load_model, without_dropout
from edge_sdk.convert.keras_layers import notes, stated_preprocess
from edge_sdk.convert.layout import Axes, as_source, input_shapes, is_turned
from edge_sdk.convert.process import SourceProcess
from edge_sdk.convert.record import ConvertRequest, Exported, Order, SourceFacts
from edge_sdk.errors import InputError
from edge_sdk.extras import require
from edge_sdk.tensors import Array, Tensors

EXTRA = "convert-keras"
_BACKEND = "KERAS_BACKEND"
_EXPORTING = "tensorflow"


def open_source(order: Order, given: object = None) -> KerasSource:
    """Open a model.

    Raises:
        InputError: A package is missing, or it is no model that can be loaded.
    """
    for module in ("keras", "h5py"):
        require(module, extra=EXTRA, where=order.source)
    import keras

    model: Any = load_model(order) if given is None else given
    if not isinstance(model, keras.Model):
        raise InputError(f"{order.source}: expected a model of Keras, got {type(model).__name__}")
    _build(model, order)
    if order.weights:
        model.load_weights(order.weights)
    return KerasSource(order, model)


class KerasSource:
    """A model of Keras.

    Args:
        order: What is asked.
        model: The model, with its weights.
    """

    def __init__(self, order: Order, model: Any) -> None:
        self._order = order
        self._model = without_dropout(in_float32(model))
        self._mixed = self._model is not model
        self._axes = _input_axes(model, order)
        first = any(getattr(layer, "data_format", "") == "channels_first" for layer in model.layers)
        shapes = input_shapes(order, self._axes)
        self._turned = frozenset(name for name in shapes if is_turned(order, shapes[name], channels_first=first))
        self._first = first

    def facts(self) -> SourceFacts:
        """Return the versions, and what the first layers say of the preprocessing."""
        import keras

        backend = str(keras.backend.backend())
        mixed = ("computed in mixed precision: converted and compared in float32",) if self._mixed else ()
        return SourceFacts(
            {name: version(name) for name in ("keras", "tf2onnx", "numpy")} | {backend: _version(backend)},
            preprocess=stated_preprocess(self._model, tuple(self._axes.values()), turned=bool(self._turned)),
            notes=(*mixed, *notes(self._model)),
        )

    def export(self) -> Exported:
        """Return the ONNX model.

        Raises:
            InputError: It has operators that ONNX does not have, or layers that only its own backend has.
        """
        import keras

        if keras.backend.backend() != _EXPORTING:
            return self._exported_elsewhere()
        require("tf2onnx", extra=EXTRA, where=self._order.source)
        import tensorflow as tf

        from edge_sdk.convert.tf_graph import GraphExport, freeze

        specs = [
            tf.TensorSpec(axes, dtype, name=f"input_{index}")
            for index, (axes, dtype) in enumerate(zip(self._axes.values(), _dtypes(self._model), strict=True))
        ]
        function = tf.function(lambda *flat: list(self._call(flat).values()), input_signature=specs)
        names = list(self._call([np.zeros(self._order.example(_free(axes)), spec.dtype.as_numpy_dtype)
                                 for axes, spec in zip(self._axes.values(), specs, strict=True)]))  # fmt: skip
        graph = freeze(function.get_concrete_function(), list(self._axes), names)
        return GraphExport(graph, self._order, channels_first=self._first).export()

    def run(self, tensors: Tensors) -> Tensors:
        """Compute what Keras itself computes, on its own backend; compiled once, for recurrent layers are slow else."""
        given = as_source(tensors, self._turned)
        outputs = self._model.predict_on_batch(self._packed([given[name] for name in self._axes]))
        return {name: np.asarray(value) for name, value in self._named(outputs).items()}

    def layers(self, tensors: Tensors) -> Iterable[tuple[str, Array]]:
        """Yield what each layer gives; nothing for a model that is a class of the user's own."""
        import keras

        if not getattr(self._model, "outputs", None):
            return
        layers = [layer for layer in self._model.layers if not isinstance(layer, keras.layers.InputLayer)]
        whole = keras.Model(self._model.inputs, [layer.output for layer in layers])
        given = as_source(tensors, self._turned)
        values = whole([given[name] for name in self._axes], training=False)
        for layer, value in zip(layers, values, strict=True):
            for one in keras.tree.flatten(value):
                yield layer.name, np.asarray(keras.ops.convert_to_numpy(one))

    def _call(self, flat: Any) -> dict[str, Any]:
        """Return the outputs by name, of inputs in their order."""
        return self._named(self._model(self._packed(flat), training=False))

    def _packed(self, flat: Any) -> Any:
        """Return inputs in the structure that the model takes."""
        import keras

        struct = getattr(self._model, "_inputs_struct", None)
        if struct is not None and keras.tree.is_nested(struct):
            return keras.tree.pack_sequence_as(struct, list(flat))
        return list(flat) if len(flat) > 1 else flat[0]

    def _named(self, outputs: Any) -> dict[str, Any]:
        import keras

        values = keras.tree.flatten(outputs)
        return dict(zip(_output_names(self._model, outputs, len(values)), values, strict=True))

    def _exported_elsewhere(self) -> Exported:
        """Export by TensorFlow, in a process of its own.

        Raises:
            InputError: TensorFlow cannot load the model, or cannot export it.
        """
        with tempfile.TemporaryDirectory(prefix="edge-sdk-keras-") as folder:
            file = Path(folder) / "model.keras"
            self._model.save(file)
            order = replace(self._order, source=str(file), weights="")
            with SourceProcess(ConvertRequest(order), "keras", environment={_BACKEND: _EXPORTING}) as process:
                return process.export()[0]


def _build(model: Any, order: Order) -> None:
    """Give a model shapes that has none yet.

    Raises:
        InputError: Nobody says which.
    """
    if getattr(model, "inputs", None):
        return
    if not order.shapes:
        raise InputError(
            f"{order.source}: expected --input-shape NAME=?x28x28x1, for the model has no shape of its inputs, got none"
        )
    model(*[np.zeros(order.example(shape), np.float32) for shape in order.shapes.values()])


def _input_axes(model: Any, order: Order) -> dict[str, Axes]:
    if not getattr(model, "inputs", None):
        return {name: tuple(_known(size) for size in shape) for name, shape in order.shapes.items()}
    names = [str(tensor.name) for tensor in model.inputs]
    if any(name.startswith("keras_tensor") for name in names):  # made by Keras: another one in each process
        names = ["input"] if len(names) == 1 else [f"input_{index}" for index in range(len(names))]
    return {name: tuple(tensor.shape) for name, tensor in zip(names, model.inputs, strict=True)}


def _dtypes(model: Any) -> list[str]:
    return [str(tensor.dtype) for tensor in getattr(model, "inputs", None) or ()] or ["float32"]


def _output_names(model: Any, outputs: Any, count: int) -> list[str]:
    if isinstance(outputs, dict):
        return sorted(outputs)
    layers = [tensor._keras_history.operation.name for tensor in getattr(model, "outputs", None) or ()]
    if len(layers) == count == len(set(layers)):
        return layers
    return ["output"] if count == 1 else [f"output_{index}" for index in range(count)]


def _known(size: int | str) -> int | None:
    return size if isinstance(size, int) else None


def _free(axes: Axes) -> tuple[int | str, ...]:
    return tuple(f"axis_{axis}" if size is None else size for axis, size in enumerate(axes))


def _version(backend: str) -> str:
    from importlib import import_module

    return str(import_module(backend).__version__)
