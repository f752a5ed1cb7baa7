"""Files of PyTorch: told apart by what their archive contains, so that telling runs no code, and opened.

- TorchScript and programs of torch.export hold no Python code of the user's that would run here.
- `torch.load(weights_only=True)` builds tensors and nothing else: what it refuses is a pickle of code, which is loaded
  only if the user trusts it.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from edge_sdk.convert.record import Order
from edge_sdk.errors import InputError
from edge_sdk.extras import require

Kind = Literal["torchscript", "program", "pickle"]
_STATE_KEYS = ("state_dict", "model_state_dict")
_FEW = 3
_WAY = "write a function that returns the module: edge-sdk convert module:factory --weights FILE"


@dataclass(frozen=True, slots=True)
class Opened:
    """A model that was opened.

    Attributes:
        model: The module in eval mode, or the program.
        is_program: Whether it is a program of torch.export.
        notes: What the user must know of it.
    """

    model: Any
    is_program: bool = False
    notes: tuple[str, ...] = ()


def open_file(order: Order) -> Opened:
    """Open a file.

    Raises:
        InputError: It is no model, it is weights alone, or a pickle that is not trusted.
    """
    if order.weights:
        raise InputError(f"--weights: expected module:factory to put them into, got {order.source}")
    kind = kind_of(order.path)
    try:
        if kind == "program":
            return Opened(torch.export.load(order.source), is_program=True)
        if kind == "torchscript":
            return _prepared(torch.jit.load(order.source, map_location="cpu"), ())
    except (RuntimeError, ValueError, KeyError) as exc:
        lines = str(exc).strip().splitlines() or [type(exc).__name__]
        raise InputError(f"{order.source}: expected to read it as {kind}, got {lines[-1][:300]}") from exc
    return _prepared(_unpickled(order), ())


def open_module(order: Order, given: Any) -> Opened:
    """Prepare what a factory returned: with the weights, in eval mode and float32.

    Raises:
        InputError: It is no module, or the weights do not fit.
    """
    if not isinstance(given, torch.nn.Module):
        if isinstance(given, torch.export.ExportedProgram):
            return Opened(given, is_program=True)
        raise InputError(f"{order.source}: expected a torch.nn.Module, got {type(given).__name__}")
    if order.weights:
        _load_weights(given, Path(order.weights))
    return _prepared(given, () if order.weights else (_unweighted(order),))


def kind_of(path: Path) -> Kind:
    """Tell what a file is by the names in its archive; a file that is none is an old pickle.

    Raises:
        InputError: It is of two kinds, or of one that has no graph.
    """
    if not zipfile.is_zipfile(path):
        return "pickle"
    with zipfile.ZipFile(path) as archive:
        names = {name.partition("/")[2] or name for name in archive.namelist()}
    is_script = "constants.pkl" in names and any(name.startswith("code/") for name in names)
    is_program = any(name.startswith("models/") for name in names) or "serialized_exported_program.json" in names
    if is_script and is_program:
        raise InputError(f"{path}: expected one model, got TorchScript and a program of torch.export in one archive")
    if is_script:
        return "torchscript"
    if is_program:
        return "program"
    if "data.pkl" in names:
        return "pickle"
    raise InputError(
        f"{path}: expected TorchScript, a program of torch.export or a pickle, got an archive without any",
        hint="compiled packages have no graph: convert what they were made of",
    )


def _unpickled(order: Order) -> Any:
    try:
        torch.load(order.source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as exc:
        if not order.trusts:
            raise InputError(
                f"{order.source}: expected --trust, for this file pickles whole modules, and loading it runs whatever "
                f"code is in it, got none",
                hint=f"say --trust if you or someone you trust made this file; better, {_WAY}",
            ) from exc
    else:
        raise InputError(f"{order.source}: expected a model, got weights alone, which have no graph", hint=_WAY)
    loaded = torch.load(order.source, map_location="cpu", weights_only=False)
    inside = loaded.values() if isinstance(loaded, Mapping) else [loaded]
    modules = [one for one in inside if isinstance(one, torch.nn.Module)]
    if len(modules) != 1:
        raise InputError(f"{order.source}: expected one torch.nn.Module in the pickle, got {len(modules)}", hint=_WAY)
    return modules[0]


def _load_weights(module: Any, path: Path) -> None:
    state = _read_weights(path)
    try:
        lost = module.load_state_dict(state, strict=False)
    except RuntimeError as exc:  # sizes differ
        said = " ".join(str(exc).split("\n\t")[1:]) or str(exc)
        raise InputError(f"{path}: expected weights in the sizes of the module's, got {said[:300]}") from exc
    if lost.missing_keys or lost.unexpected_keys:
        told = {"missing": lost.missing_keys, "unexpected": lost.unexpected_keys}
        got = "; ".join(f"{_counted(keys)} {what}" for what, keys in told.items() if keys)
        raise InputError(
            f"{path}: expected exactly the weights of {type(module).__name__}, got {got}",
            hint="is this the class, with the arguments, that was trained?",
        )


def _read_weights(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise InputError(f"{path}: expected a file of weights, got nothing there")
    if path.suffix == ".safetensors":
        loaded = require("safetensors.torch", extra="convert-torch", where=str(path)).load_file(path)
    else:
        try:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError) as exc:
            raise InputError(
                f"{path}: expected weights alone, got what more than tensors are in: {str(exc).splitlines()[0][:200]}",
                hint="save model.state_dict()",
            ) from exc
    inner = [loaded[key] for key in _STATE_KEYS if isinstance(loaded, Mapping) and key in loaded]
    state = inner[0] if len(inner) == 1 else loaded
    if not isinstance(state, Mapping) or not all(isinstance(one, torch.Tensor) for one in state.values()):
        raise InputError(
            f"{path}: expected a state dict, alone or as {' or '.join(_STATE_KEYS)}, got {type(state).__name__}",
            hint="save model.state_dict()",
        )
    return state


def _prepared(module: Any, notes: tuple[str, ...]) -> Opened:
    if any(inner.training for inner in module.modules()):
        notes += ("the model was in training mode; it is converted in eval mode, as it runs on a board",)
    if kinds := {str(one.dtype) for one in module.parameters() if one.is_floating_point()} - {"torch.float32"}:
        notes += (f"its weights were {', '.join(sorted(kinds))}; they are converted, and compared, in float32",)
    return Opened(module.float().cpu().eval(), notes=notes)


def _unweighted(order: Order) -> str:
    return f"no --weights: the weights are those that {order.source} returns"


def _counted(keys: list[str]) -> str:
    return f"{len(keys)} ({', '.join(keys[:_FEW])}{', …' if len(keys) > _FEW else ''})"
