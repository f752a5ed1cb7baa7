"""TFLite: models in float, and in integers as QDQ or, with `Order.dequantize`, in float again; by tf2onnx.

- Whatever a model computes in, its ONNX model takes and gives float32, as boards feed it: at the border of one in
  integers stand QuantizeLinear and DequantizeLinear with the file's own scales, and between them its own integers.
- The oracle is LiteRT as it runs by default, with XNNPACK. Its older kernels round otherwise: on a keyword model both
  are up to 27 steps apart on real data, where the QDQ model gives XNNPACK's integers.
- Axes that the file leaves free stay free; LiteRT is given one sample after the other.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import numpy as np

from edge_sdk.convert.layout import Axes, as_source, input_shapes, is_turned, turn
from edge_sdk.convert.record import Exported, Order, SourceFacts
from edge_sdk.convert.tf_graph import NEWEST_OPSET, name_axes, unknown_operators
from edge_sdk.convert.tflite_border import Quantized, as_float, as_integers, float_border, range_of
from edge_sdk.convert.tflite_mend import free_loops, own_parameters
from edge_sdk.convert.tflite_metadata import read_metadata
from edge_sdk.errors import InputError
from edge_sdk.extras import require
from edge_sdk.tensors import Array, Tensors

EXTRA = "convert-tflite"
_MARK = b"TFL3"
_INTEGERS = "computes in the source's integers; float32 at its inputs and outputs"
_FLOATS = "the source rounds to integers, this model does not: the rounding is what they differ in"


def open_source(order: Order, given: object = None) -> TfliteSource:  # noqa: ARG001  no factory makes a TFLite model
    """Open a file.

    Raises:
        InputError: A package is missing, or it is no TFLite file.
    """
    for module in ("ai_edge_litert.interpreter", "tensorflow", "tf2onnx"):
        require(module, extra=EXTRA, where=order.source)
    if order.path.read_bytes()[4:8] != _MARK:
        raise InputError(f"{order.source}: expected a TFLite file, got another")
    return TfliteSource(order)


class TfliteSource:
    """A TFLite file in LiteRT.

    Args:
        order: What is asked.

    Raises:
        InputError: Shapes that are told do not fit.
    """

    def __init__(self, order: Order) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._order = order
        self._runtime = Interpreter(model_path=str(order.path), num_threads=1)
        self._inputs = tuple(_described(one) for one in self._runtime.get_input_details())
        self._outputs = tuple(_described(one) for one in self._runtime.get_output_details())
        axes = [_axes(detail) for detail in self._runtime.get_input_details()]
        self._shapes = input_shapes(order, {one.name: own for one, own in zip(self._inputs, axes, strict=True)})
        self._turned = frozenset(
            name for name, shape in self._shapes.items() if is_turned(order, shape, channels_first=False)
        )
        self._runtime.allocate_tensors()

    def facts(self) -> SourceFacts:
        """Return the versions, and what the file's metadata state."""
        stated = read_metadata(self._order.path, is_turned=bool(self._turned))
        steps = {one.name: one.scale for one in self._outputs if one.scale}
        told = _FLOATS if self._order.dequantize else _INTEGERS
        return SourceFacts(
            {name: version(name) for name in ("ai-edge-litert", "tf2onnx", "numpy")},
            preprocess=stated.preprocess,
            labels=stated.labels,
            notes=(*((told,) if steps else ()), *stated.notes),
            steps={} if self._order.dequantize else steps,
            rounds=bool(steps),
            ranges={one.name: range_of(one) for one in self._inputs if one.scale and self._order.dequantize},
        )

    def export(self) -> Exported:
        """Return the ONNX model.

        Raises:
            InputError: It has operators that ONNX does not have.
        """
        from tf2onnx import optimizer, tfonnx

        logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
        graph = tfonnx.process_tf_graph(
            None,
            tflite_path=str(self._order.path),
            opset=min(self._order.opset, NEWEST_OPSET),
            continue_on_error=True,
            dequantize=self._order.dequantize,
            inputs_as_nchw=list(self._turned),
        )
        model = optimizer.optimize_graph(graph).make_model("model")
        if unknown := unknown_operators(model):
            known = ", ".join(sorted(unknown))
            raise InputError(f"{self._order.source}: expected operators that ONNX has, got {known}")
        float_border(model, self._inputs, self._outputs, dequantize=self._order.dequantize)
        own_parameters(model)
        free_loops(model.graph)
        name_axes(model, {name: turn(shape) if name in self._turned else shape for name, shape in self._shapes.items()})
        return Exported(model.SerializeToString(), f"tf2onnx {version('tf2onnx')}")

    def run(self, tensors: Tensors) -> Tensors:
        """Compute what LiteRT itself computes, with integers where the file has them."""
        samples = [self._run_one(self._runtime, one) for one in self._samples(tensors)]
        return {one.name: np.concatenate([sample[i] for sample in samples]) for i, one in enumerate(self._outputs)}

    def layers(self, tensors: Tensors) -> Iterable[tuple[str, Array]]:
        """Yield what each operator gives, as float32."""
        from ai_edge_litert.interpreter import Interpreter

        runtime = Interpreter(model_path=str(self._order.path), num_threads=1, experimental_preserve_all_tensors=True)
        runtime.allocate_tensors()
        self._run_one(runtime, next(iter(self._samples(tensors))))
        constant = {one.name for one in self._inputs}
        for detail in runtime.get_tensor_details():
            try:
                value = runtime.get_tensor(detail["index"])
            except ValueError:
                continue  # a tensor that XNNPACK keeps to itself
            one = _described(detail)
            if one.name not in constant and len(detail["shape"]) and detail["shape"][0] == 1:
                yield one.name, as_float(one, value)

    def _samples(self, tensors: Tensors) -> Iterable[Tensors]:
        """Yield each sample of a batch, or the batch as it is where its size is fixed."""
        given = as_source(tensors, self._turned)
        free = any(shape and not isinstance(shape[0], int) for shape in self._shapes.values())
        count = len(next(iter(given.values()))) if free else 1
        for index in range(count):
            yield {name: array[index : index + 1] if free else array for name, array in given.items()}

    def _run_one(self, runtime: Any, sample: Tensors) -> list[Array]:
        for one, detail in zip(self._inputs, runtime.get_input_details(), strict=True):
            value = as_integers(one, sample[one.name])
            if tuple(detail["shape"]) != value.shape:
                runtime.resize_tensor_input(detail["index"], value.shape, strict=True)
        runtime.allocate_tensors()
        for one, detail in zip(self._inputs, runtime.get_input_details(), strict=True):
            runtime.set_tensor(detail["index"], as_integers(one, sample[one.name]))
        runtime.invoke()
        return [as_float(one, runtime.get_tensor(detail["index"]))
                for one, detail in zip(self._outputs, runtime.get_output_details(), strict=True)]  # fmt: skip


def _described(detail: Any) -> Quantized:
    scale, zero_point = detail["quantization"]
    return Quantized(str(detail["name"]), np.dtype(detail["dtype"]).name, float(scale), int(zero_point))


def _axes(detail: Any) -> Axes:
    told = detail["shape_signature"]
    shape = told if len(told) else detail["shape"]
    return tuple(None if size < 0 else int(size) for size in shape)
