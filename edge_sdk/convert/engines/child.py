"""The child process in which an engine runs: `python child.py FOLDER`, in any environment that has NumPy.

- `request.json` in the folder names the engine's file, its mode, the model, and where its packages lie; `inputs.npz`
  has the samples, an entry `000012:NAME` each.
- `outputs.npz` is written alike; then `answer.json`: the versions, and why the engine refused, if it did.
- Whatever an engine prints goes to the folder's log: this file talks by files alone, and needs no edge-sdk.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Feed = dict[str, np.ndarray[Any, Any]]
Run = Callable[[Feed], Mapping[str, "np.ndarray[Any, Any]"]]
_FEW_LETTERS = 300


@dataclass(frozen=True)
class Order:
    """What an engine is to open.

    Attributes:
        model: The ONNX file, alone in a folder of its own: what is made of it may lie beside it.
        feed: Inputs of the shapes and types that will come.
        outputs: The outputs in the model's order, each with the shape that the oracle gave it.
        mode: Which of its ways.
    """

    model: Path
    feed: Feed
    outputs: Mapping[str, tuple[int, ...]]
    mode: str


def main(folder: Path) -> None:
    """Run an engine on the samples, and write what came out or why nothing did."""
    request = json.loads((folder / "request.json").read_text())
    answer: dict[str, Any] = {"versions": {}, "refused": ""}
    try:
        engine = _load(Path(request["engine"]))
        answer["versions"] = engine.versions()
        feeds = read_feeds(folder / "inputs.npz")
        outputs = {name: tuple(shape) for name, shape in request["outputs"]}
        order = Order(Path(request["model"]), feeds[0], outputs, request["mode"])
        run = engine.open_model(order)
        write_feeds(folder / "outputs.npz", [dict(run(feed)) for feed in feeds])
    except (Exception, SystemExit) as exc:  # noqa: BLE001  any failure of an engine is a cell of the matrix
        answer["refused"] = f"{type(exc).__name__}: {' '.join(str(exc).split())}"[:_FEW_LETTERS]
    (folder / "answer.json").write_text(json.dumps(answer))


def read_feeds(path: Path) -> list[Feed]:
    """Return the arrays of each sample; texts come as objects, as onnxruntime takes them."""
    feeds: dict[str, Feed] = {}
    with np.load(path, allow_pickle=False) as arrays:
        for entry in arrays.files:
            index, _, name = entry.partition(":")
            feeds.setdefault(index, {})[name] = _as_objects(arrays[entry])
    return [feeds[index] for index in sorted(feeds)]


def write_feeds(path: Path, feeds: list[Feed]) -> None:
    """Write the arrays of each sample; types that NumPy does not know become float32."""
    entries = {
        f"{i:06d}:{name}": _storable(np.asarray(array)) for i, feed in enumerate(feeds) for name, array in feed.items()
    }
    np.savez(path, **entries)  # type: ignore[arg-type]


def _as_objects(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array.astype(object) if array.dtype.kind == "U" else array


def _storable(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if array.dtype.kind == "O":
        return array.astype(str)
    return array.astype(np.float32) if array.dtype.kind == "V" else array


def _load(file: Path) -> Any:
    """Import an engine's file by its path: its name may be that of its library."""
    spec = importlib.util.spec_from_file_location(f"edge_sdk_engine_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file}: not a module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(Path(sys.argv[1]))
