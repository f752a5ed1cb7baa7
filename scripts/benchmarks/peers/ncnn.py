"""ncnn: pnnx converts, ncnn runs with its defaults (weights and arithmetic in 16 bits where the processor has it).

Its int8 is made by `ncnn2table` and `ncnn2int8`, which no package on PyPI carries.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import ncnn
import numpy as np

from scripts.benchmarks.peers.exchange import Answer, Feed, Request, Run, read_feeds, run_peer


def quantize(request: Request) -> Answer:
    """Convert; int8 is refused."""
    if request.method == "int8":
        sys.exit("ncnn2table, ncnn2int8: not in the packages ncnn and pnnx of PyPI, and pnnx itself makes no int8")
    folder = Path(request.folder)
    model = folder / "model.onnx"
    model.write_bytes(Path(request.model).read_bytes())  # pnnx writes beside what it reads
    shapes = ",".join(
        "[" + ",".join(map(str, values.shape)) + "]" for values in next(read_feeds(request.calibration)).values()
    )
    subprocess.run([str(_pnnx()), str(model), f"inputshape={shapes}"], check=True, cwd=folder)
    (file := folder / "model.ncnn.param").stat()
    return Answer(str(file), "pnnx, weights in fp16")


def _pnnx() -> Path:
    """Return the program in the package pnnx, whose Python half would want PyTorch."""
    found = importlib.util.find_spec("pnnx")
    if found is None or found.origin is None:
        sys.exit("pnnx: not installed")
    return Path(found.origin).parent / "pnnx"


def open_file(path: Path, request: Request) -> Run:
    """Open an ncnn model."""
    net = ncnn.Net()
    net.opt.num_threads = request.threads
    net.load_param(str(path))
    net.load_model(str(path.with_suffix(".bin")))
    names = net.input_names(), net.output_names()

    def run(feed: Feed) -> list[np.ndarray]:
        with net.create_extractor() as extractor:
            for name, values in zip(names[0], feed.values(), strict=True):
                extractor.input(name, ncnn.Mat(values[0]).clone())
            return [np.array(extractor.extract(name)[1])[np.newaxis] for name in names[1]]

    return run


if __name__ == "__main__":
    run_peer(quantize, open_file)
