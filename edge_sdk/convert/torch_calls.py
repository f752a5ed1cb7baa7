"""How a module of PyTorch is called with tensors by name: structured arguments and results become flat ones.

- An input is named as the parameter of `forward`; `state.0` and `state.1` make the pair that `state` takes.
- An output is named by its key, or `output`; `output_0`, `output_1` where there are several, and so on inside them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any

import numpy as np
import torch

from edge_sdk.convert.record import BATCH, Order, Shape
from edge_sdk.errors import InputError
from edge_sdk.tensors import Array, Tensors

_OUTPUT = "output"
_MOST_TRIED = 4
"""Inputs whose types are tried in all combinations."""


class Call(torch.nn.Module):  # type: ignore[misc, unused-ignore]  # PyTorch is not there where types are checked
    """A module that takes and returns flat tensors.

    Args:
        module: The module.
        paths: For each tensor the parameter that takes it, with `.0`, `.1` where that is a tuple.
    """

    def __init__(self, module: Any, paths: Sequence[str]) -> None:
        super().__init__()
        self.module = module
        self.paths = tuple(paths)
        self.eval()

    def forward(self, *tensors: Any) -> tuple[Any, ...]:
        """Return all tensors of the result."""
        return tuple(tensor for _, tensor in named(self.result(tensors)))

    def result(self, tensors: Sequence[Any]) -> Any:
        """Return what the module itself does."""
        return self.module(**self.arguments(tensors))

    def arguments(self, tensors: Sequence[Any]) -> dict[str, Any]:
        """Return what each parameter is given, in their order."""
        groups: dict[str, list[Any]] = {}
        for path, tensor in zip(self.paths, tensors, strict=True):
            groups.setdefault(path.partition(".")[0], []).append(tensor)
        return {name: group[0] if name in self.paths else tuple(group) for name, group in groups.items()}

    def tried(self, order: Order, shapes: Mapping[str, Shape]) -> tuple[tuple[Any, ...], tuple[str, ...]]:
        """Run the module on an example; its inputs are floats, or integers where it refuses floats.

        Args:
            order: What is asked.
            shapes: Of the inputs, by name.

        Returns:
            The example, and the names of the outputs.

        Raises:
            InputError: It does not run in these shapes, or gives what is no tensor.
        """
        if (stated := _stated_example(self.module)) and not order.shapes:
            kinds: Iterator[tuple[Any, ...]] = iter([tuple(tensor.dtype for tensor in stated)])
        else:
            kinds = product((torch.float32, torch.int64), repeat=min(len(shapes), _MOST_TRIED))
        refusal: Exception | None = None
        for kind in kinds:
            types = kind + (torch.float32,) * (len(shapes) - len(kind))
            example = tuple(
                torch.zeros(order.example(shape), dtype=dtype)
                for shape, dtype in zip(shapes.values(), types, strict=True)
            )
            try:
                with torch.no_grad():
                    result = self.result(example)
            except (RuntimeError, IndexError, TypeError, ValueError) as exc:
                refusal = refusal or exc
            else:
                return example, output_names(result, shapes)
        told = ", ".join(f"{name}={'x'.join(map(str, order.example(shape)))}" for name, shape in shapes.items())
        lines = str(refusal).strip().splitlines() or [type(refusal).__name__]
        raise InputError(f"{order.source}: expected it to run on {told}, got {lines[-1][:300]}") from refusal


def named(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the tensors of a nested result by name; None is left out.

    Raises:
        InputError: There is something else in it.
    """
    if isinstance(value, torch.Tensor):
        yield name or _OUTPUT, value
    elif isinstance(value, Mapping) or hasattr(value, "_asdict"):
        items = value if isinstance(value, Mapping) else value._asdict()
        for key, item in items.items():
            yield from named(item, f"{name}_{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from named(item, f"{name or _OUTPUT}_{index}" if len(value) > 1 else name)
    elif value is not None:
        raise InputError(f"{name or _OUTPUT}: expected tensors from the model, got {type(value).__name__}")


def output_names(result: Any, inputs: Mapping[str, Shape] | Sequence[str]) -> tuple[str, ...]:
    """Return the names of a result's tensors, none of which is that of an input."""
    return tuple(f"{name}_out" if name in inputs else name for name, _ in named(result))


def computed(call: Any, tensors: Tensors, names: Sequence[str]) -> list[Array]:
    """Return the outputs of a flat call as arrays."""
    given = [torch.from_numpy(np.array(tensors[name])) for name in names]
    with torch.no_grad():
        return [tensor.numpy() for tensor in call(*given)]


def shapes_of(order: Order, module: Any) -> tuple[dict[str, Shape], tuple[str, ...]]:
    """Return the shapes of inputs by their names in ONNX, and the parameter that takes each.

    Raises:
        InputError: A shape is not known, or is told for what the module does not take.
    """
    required, optional = _parameters(module)
    shapes = dict(order.shapes)
    if not shapes:
        stated = _stated_example(module)
        shapes = {name: (BATCH, *tensor.shape[1:]) for name, tensor in zip(required, stated, strict=False)}
    if len(shapes) == len(required) == 1:
        return shapes, (required[0],) if next(iter(shapes)).partition(".")[0] not in optional else tuple(shapes)
    told = {name.partition(".")[0] for name in shapes}
    unknown, missing = sorted(told - {*required, *optional}), [name for name in required if name not in told]
    if unknown or missing:
        flags = " ".join(f"--input-shape {name}=?x3x224x224" for name in missing or required)
        raise InputError(
            f"{order.source}: expected the shapes of {', '.join(required) or 'no inputs'}, which PyTorch does not "
            f"keep, got {', '.join(shapes) or 'none'}",
            hint=f"say {flags}, in the sizes that the model was trained on; ? is a free batch",
        )
    order_of = [*required, *optional].index
    names = sorted(shapes, key=lambda name: order_of(name.partition(".")[0]))
    return {name: shapes[name] for name in names}, tuple(names)


@contextmanager
def listened(module: Any) -> Iterator[list[tuple[str, Array]]]:
    """Collect what the modules inside a module give while it runs, as each ends; not twice what one passes on."""
    heard: list[tuple[str, Array]] = []
    last: list[Any] = [None]
    handles = []

    def hear(name: str) -> Any:
        def note(_inner: Any, _given: Any, result: Any) -> None:
            if result is last[0]:
                return
            last[0] = result
            heard.extend((one, tensor.detach().numpy().copy()) for one, tensor in named(result, name))

        return note

    try:
        if not isinstance(module, torch.jit.ScriptModule):
            for name, inner in module.named_modules():
                if name:
                    handles.append(inner.register_forward_hook(hear(f"{name} ({type(inner).__name__})")))
        yield heard
    finally:
        for handle in handles:
            handle.remove()


def _stated_example(module: Any) -> tuple[Any, ...]:
    """Return the tensors that Lightning's convention, `example_input_array`, gives; none where it is not followed."""
    stated = getattr(module, "example_input_array", None)
    tensors = stated if isinstance(stated, tuple) else (stated,)
    return tensors if all(isinstance(tensor, torch.Tensor) for tensor in tensors) else ()


def _parameters(module: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the parameters that a module must be given, and those that it can be."""
    if isinstance(module, torch.jit.ScriptModule):
        arguments = [(one.name, one.has_default_value()) for one in module.forward.schema.arguments[1:]]
    else:
        takes = inspect.signature(module.forward).parameters.values()
        named_ones = [one for one in takes if one.kind in {one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY}]
        arguments = [(one.name, one.default is not one.empty) for one in named_ones]
    return tuple(name for name, free in arguments if not free), tuple(name for name, free in arguments if free)
