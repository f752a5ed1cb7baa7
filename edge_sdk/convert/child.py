"""The child process in which a framework lives: it opens a source once, and answers until it is told no more.

- A command is a line on stdin: `open`, `export`, `run`, `layers`. What belongs to it lies in the folder.
- An answer is a line of JSON on the stdout that the process started with. What frameworks print goes to stderr.
- `request.json` has the framework's name, empty where what a factory returns tells it, and the order.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from edge_sdk import records
from edge_sdk.convert import FRAMEWORKS
from edge_sdk.convert.engines.child import read_feeds, write_feeds
from edge_sdk.convert.recognise import framework_of_object, is_factory
from edge_sdk.convert.record import Order
from edge_sdk.convert.source import SourceModel
from edge_sdk.errors import EdgeError, InputError

_FEW_LETTERS = 400
_MOST_LAYER_BYTES = 1 << 30


class Child:
    """The commands.

    Args:
        folder: Where what belongs to them lies.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._source: SourceModel | None = None

    def open(self) -> dict[str, Any]:
        """Open the source; return the framework's name and what the source states."""
        request = json.loads((self._folder / "request.json").read_text())
        order = records.read(Order, request["order"], where="order")
        given = _call_factory(order) if is_factory(order.source) else None
        name = request["framework"] or framework_of_object(given)
        opener: Callable[[Order, object], SourceModel] = importlib.import_module(
            f"edge_sdk.convert.{FRAMEWORKS[name].file}"
        ).open_source
        self._source = opener(order, given)
        return {"framework": name}

    def export(self) -> dict[str, Any]:
        """Export the source to `model.onnx`."""
        exported = self._opened().export()
        (self._folder / "model.onnx").write_bytes(exported.model)
        facts = records.to_data(self._opened().facts())
        return {"facts": facts, "exporter": exported.exporter, "fallbacks": list(exported.fallbacks)}

    def run(self) -> dict[str, Any]:
        """Run `inputs.npz` into `outputs.npz`."""
        feeds = read_feeds(self._folder / "inputs.npz")
        write_feeds(self._folder / "outputs.npz", [dict(self._opened().run(feed)) for feed in feeds])
        return {}

    def layers(self) -> dict[str, Any]:
        """Run the first of `inputs.npz`, and write what its layers give to `layers.npz`."""
        found, names = dict[str, Any](), list[str]()
        for name, array in _bounded(self._opened().layers(read_feeds(self._folder / "inputs.npz")[0])):
            found[f"{len(names):06d}"] = array
            names.append(name)
        np.savez(self._folder / "layers.npz", **found)
        return {"names": names}

    def _opened(self) -> SourceModel:
        if self._source is None:
            raise InputError("source: expected it to be opened first")
        return self._source


def main(folder: Path) -> None:
    """Answer commands until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    child = Child(folder)
    for line in sys.stdin:
        answers.write(json.dumps(_answer(getattr(child, line.strip()))) + "\n")
        answers.flush()


def _answer(command: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return command()
    except EdgeError as exc:
        return {"error": str(exc), "hint": exc.hint}
    except (Exception, SystemExit) as exc:  # noqa: BLE001  whatever a framework or the user's code does is told in a line
        import traceback

        traceback.print_exc()
        return {"error": f"{type(exc).__name__}: {' '.join(str(exc).split())}"[:_FEW_LETTERS], "hint": ""}


def _call_factory(order: Order) -> object:
    module, _, name = order.source.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        if not hasattr(found, part):
            raise InputError(f"{order.source}: expected {part} in {module}, got none")
        found = getattr(found, part)
    is_maker = isinstance(found, type) or type(found).__name__ in {"function", "builtin_function_or_method"}
    return found() if is_maker else found


def _bounded(layers: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
    total = 0
    for name, array in layers:
        total += array.nbytes
        if total > _MOST_LAYER_BYTES:
            return
        yield name, np.asarray(array)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
