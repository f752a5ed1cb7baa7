"""PyTorch: modules that a factory returns, TorchScript, and programs of `torch.export`, by torch.onnx.

- Modules go through the exporter of graphs (dynamo); what it cannot export is traced by the older one, and told. What
  it makes must come down to the operator set that was asked for, or the older one, which writes any, is taken.
- Models are converted in eval mode, on the CPU, in float32.
- PyTorch keeps no shapes of inputs: the user tells them, or the module has `example_input_array`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

from edge_sdk.convert.fit import fit_model
from edge_sdk.convert.record import Exported, Order, SourceFacts
from edge_sdk.convert.source import SourceModel
from edge_sdk.errors import InputError
from edge_sdk.extras import require
from edge_sdk.tensors import Array, Tensors

_EXTRA = "convert-torch"
GRAPHS_LEAST_OPSET = 18
"""Of the exporter of graphs."""
_TRACED_NEWEST_OPSET = 20
"""Of the older exporter."""
_ANY_IR = 99
_FEW_LETTERS = 240


def open_source(order: Order, given: object = None) -> SourceModel:
    """Open a model of PyTorch.

    Raises:
        InputError: The package is missing, the file is no such model, it is a pickle that is not trusted, the weights
            do not fit, or the shape of an input is not known.
    """
    for module in ("torch", "onnxscript"):
        require(module, extra=_EXTRA, where=order.source)
    from edge_sdk.convert.torch_files import open_file, open_module

    opened = open_module(order, given) if given is not None else open_file(order)
    if opened.is_program:
        from edge_sdk.convert.torch_program import ProgramSource

        return ProgramSource(order, opened.model)
    return ModuleSource(order, opened.model, opened.notes)


class ModuleSource:
    """A module, or a TorchScript one.

    Args:
        order: What is asked.
        module: The module, in eval mode.
        notes: What the user must know of how it was opened.

    Raises:
        InputError: The shape of an input is not known, or it does not run in that shape.
    """

    def __init__(self, order: Order, module: Any, notes: tuple[str, ...]) -> None:
        from edge_sdk.convert.torch_calls import Call, shapes_of

        self._order = order
        self._module = module
        self._notes = notes
        self._shapes, paths = shapes_of(order, module)
        self._call = Call(module, paths)
        self._example, self._outputs = self._call.tried(order, self._shapes)

    def facts(self) -> SourceFacts:
        """Return the versions, and what torchvision's weights state, where the module has them."""
        from edge_sdk.convert.torch_facts import stated

        return stated(self._module, versions(), self._notes)

    def export(self) -> Exported:
        """Return the ONNX model.

        Raises:
            InputError: No exporter can export it.
        """
        import torch

        ways: dict[str, Callable[[], bytes]] = {"graph": self._graph, "TorchScript": self._traced}
        if isinstance(self._module, torch.jit.ScriptModule):
            del ways["graph"]  # torch.export takes no TorchScript
        failures: list[str] = []
        for name, way in ways.items():
            exporter = f"torch.onnx {version('torch')} ({name})"
            try:
                return Exported(way(), exporter, tuple(failures))
            except (InputError, RuntimeError, NotImplementedError, TypeError, ValueError) as exc:
                failures.append(f"{exporter}: {short(exc)}")
        raise InputError(f"{self._order.source}: expected what PyTorch can export, got {'; '.join(failures)}")

    def run(self, tensors: Tensors) -> Tensors:
        """Compute the module's own outputs."""
        from edge_sdk.convert.torch_calls import computed

        return dict(zip(self._outputs, computed(self._call, tensors, list(self._shapes)), strict=True))

    def layers(self, tensors: Tensors) -> Iterable[tuple[str, Array]]:
        """Yield what the modules inside give as each ends; nothing for TorchScript, which calls no hooks."""
        from edge_sdk.convert.torch_calls import computed, listened

        with listened(self._module) as heard:
            computed(self._call, tensors, list(self._shapes))
        yield from heard

    def _graph(self) -> bytes:
        import torch

        free = [
            {axis: size for axis, size in enumerate(shape) if isinstance(size, str)} for shape in self._shapes.values()
        ]
        program = torch.onnx.export(
            self._call,
            self._example,
            dynamo=True,
            verbose=False,
            input_names=list(self._shapes),
            output_names=list(self._outputs),
            dynamic_shapes=(tuple(free),) if any(free) else None,
            opset_version=max(self._order.opset, GRAPHS_LEAST_OPSET),
        )
        return in_opset(program, self._order)

    def _traced(self) -> bytes:
        import torch

        content = io.BytesIO()
        is_script = isinstance(self._module, torch.jit.ScriptModule)  # which is no part of what can be traced
        torch.onnx.export(
            self._module if is_script else self._call,
            tuple(self._call.arguments(self._example).values()) if is_script else self._example,
            content,
            dynamo=False,
            verbose=False,
            input_names=list(self._shapes),
            output_names=list(self._outputs),
            dynamic_axes={
                name: {axis: size for axis, size in enumerate(shape) if isinstance(size, str)}
                for name, shape in self._shapes.items()
            },
            opset_version=min(self._order.opset, _TRACED_NEWEST_OPSET),
        )
        return content.getvalue()


def versions() -> dict[str, str]:
    """Return the versions of the packages that compute and export."""
    return {name: version(name) for name in ("torch", "onnxscript", "onnx")}


def in_opset(program: Any, order: Order) -> bytes:
    """Return an exported graph, in the operator set that was asked for.

    Args:
        program: What torch.onnx made.
        order: What is asked.

    Raises:
        InputError: It cannot be brought to that operator set.
    """
    model = program.model_proto.SerializeToString()
    fitted: bytes = fit_model(model, opset=order.opset, max_ir=_ANY_IR, where=order.source).SerializeToString()
    return fitted


def short(exc: BaseException) -> str:
    """Return in a line what an exporter says, from where it began."""
    while exc.__cause__ is not None:
        exc = exc.__cause__
    return " ".join((str(exc) or type(exc).__name__).split())[:_FEW_LETTERS]
