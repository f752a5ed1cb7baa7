"""ncnn, by pnnx: weights and arithmetic in float32, where its defaults would take 16 bits."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from edge_sdk.convert.engines.child import Feed, Order, Run


def versions() -> dict[str, str]:
    """Return the versions of ncnn and of pnnx."""
    from importlib.metadata import version

    return {name: version(name) for name in ("ncnn", "pnnx")}


def open_model(order: Order) -> Run:
    """Convert a model and open what came out.

    Raises:
        ValueError: pnnx left an operator out that ncnn does not have, or made other inputs or outputs.
    """
    import ncnn

    model, feed, outputs = order.model, order.feed, order.outputs
    shapes = ",".join("[" + ",".join(map(str, array.shape)) + "]" for array in feed.values())
    told = subprocess.run(  # noqa: S603  the program of the package pnnx
        [str(_pnnx()), str(model), f"inputshape={shapes}", "fp16=0"],
        cwd=model.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    made = model.with_suffix(".ncnn.param")
    if told.returncode or not made.is_file():
        raise ValueError(f"pnnx made no model: {told.stderr.strip().splitlines()[-1:]}")
    net = ncnn.Net()
    net.opt.num_threads = 1
    for option in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(net.opt, f"use_{option}", False)
    if net.load_param(str(made)) or net.load_model(str(made.with_suffix(".bin"))):
        raise ValueError("ncnn does not load what pnnx made of it")
    # pnnx numbers them in the model's order, in0 and out0 first; ncnn lists them in the order of execution
    entries, exits = (sorted(names, key=_number) for names in (net.input_names(), net.output_names()))
    if len(entries) != len(feed) or len(exits) != len(outputs):
        raise ValueError(f"expected {len(feed)} inputs and {len(outputs)} outputs, got {len(entries)} and {len(exits)}")

    def run(values: Feed) -> Feed:
        with net.create_extractor() as extractor:
            for name, array in zip(entries, values.values(), strict=True):
                extractor.input(name, ncnn.Mat(np.squeeze(array, 0) if array.shape[0] == 1 else array).clone())
            found = [np.array(extractor.extract(name)[1]) for name in exits]
        return {name: _shaped(array, outputs[name]) for name, array in zip(outputs, found, strict=True)}

    return run


def _number(name: str) -> int:
    return int(name.strip("inout"))


def _shaped(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Give back the axes of size one, the batch among them, that ncnn does not have."""
    own = [size for size in shape if size != 1]
    return array.reshape(shape) if [size for size in array.shape if size != 1] == own else array


def _pnnx() -> Path:
    """Return the program in the package pnnx, whose Python half would want PyTorch."""
    found = importlib.util.find_spec("pnnx")
    if found is None or found.origin is None:
        raise ImportError("pnnx is not installed")
    return Path(found.origin).parent / "pnnx"
