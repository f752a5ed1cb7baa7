"""Programs of torch.export: graphs that need no code, with their free axes and the structure of their arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

import torch

from edge_sdk.convert.record import BATCH, Exported, Order, SourceFacts
from edge_sdk.convert.torch import GRAPHS_LEAST_OPSET, in_opset, short, versions
from edge_sdk.convert.torch_calls import computed, named, output_names
from edge_sdk.errors import InputError
from edge_sdk.tensors import Array, Tensors


class ProgramSource:
    """A program.

    Args:
        order: What is asked.
        program: What `torch.export.load` read.

    Raises:
        InputError: It is without an example of its inputs, or does not run.
    """

    def __init__(self, order: Order, program: Any) -> None:
        self._order = order
        self._program = program
        self._module = program.module(check_guards=False)  # it computes in other sizes too, which parity tries
        if program.example_inputs is None:
            raise InputError(f"{order.source}: expected a program with the example it was exported with, got none")
        self._leaves = torch.utils._pytree.tree_leaves(program.example_inputs)
        taken = [name for name in program.graph_signature.user_inputs if isinstance(name, str)]
        told = list(order.shapes)
        self._inputs = told if len(told) == len(taken) == 1 else taken
        example = [leaf for leaf in self._leaves if isinstance(leaf, torch.Tensor)]
        with torch.no_grad():
            self._outputs = output_names(self._result(self._module, example), self._inputs)

    def facts(self) -> SourceFacts:
        """Return the versions; a program states nothing else."""
        return SourceFacts(versions())

    def export(self) -> Exported:
        """Return the ONNX model.

        Raises:
            InputError: torch.onnx has no operator for a part of it.
        """
        try:
            exported = torch.onnx.export(
                self._program,
                dynamo=True,
                verbose=False,
                input_names=self._inputs,
                output_names=list(self._outputs),
                opset_version=max(self._order.opset, GRAPHS_LEAST_OPSET),
            )
        except RuntimeError as exc:
            raise InputError(f"{self._order.source}: expected what torch.onnx can export, got {short(exc)}") from exc
        return Exported(_with_batch(in_opset(exported, self._order)), f"torch.onnx {version('torch')} (program)")

    def run(self, tensors: Tensors) -> Tensors:
        """Compute the program's own outputs."""
        return dict(zip(self._outputs, computed(self._flat, tensors, self._inputs), strict=True))

    def layers(self, tensors: Tensors) -> Iterable[tuple[str, Array]]:
        """Yield what the operators of the graph give, in order."""
        heard: list[tuple[str, Array]] = []

        class Listening(torch.fx.Interpreter):  # type: ignore[misc, unused-ignore]
            def run_node(self, node: Any) -> Any:
                result = super().run_node(node)
                if node.op == "call_function" and isinstance(result, torch.Tensor):
                    heard.append((node.name, result.detach().numpy().copy()))
                return result

        computed(lambda *given: self._flattened(Listening(self._module).run, given), tensors, self._inputs)
        yield from heard

    def _flat(self, *tensors: Any) -> list[Any]:
        return self._flattened(self._module, tensors)

    def _flattened(self, function: Any, tensors: Iterable[Any]) -> list[Any]:
        return [tensor for _, tensor in named(self._result(function, tensors))]

    def _result(self, function: Any, tensors: Iterable[Any]) -> Any:
        given: Iterator[Any] = iter(tensors)
        leaves = [next(given) if isinstance(leaf, torch.Tensor) else leaf for leaf in self._leaves]
        args, kwargs = torch.utils._pytree.tree_unflatten(leaves, self._program.call_spec.in_spec)
        return function(*args, **kwargs)


def _with_batch(content: bytes) -> bytes:
    """Return a model whose first free axis of inputs is named `batch`, not as a symbol of the program."""
    import onnx

    model = onnx.load_from_string(content)
    firsts = [one.type.tensor_type.shape.dim[:1] for one in model.graph.input]
    symbol = next((axes[0].dim_param for axes in firsts if axes and axes[0].dim_param), BATCH)
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param == symbol:
                axis.dim_param = BATCH
    renamed: bytes = model.SerializeToString()
    return renamed
