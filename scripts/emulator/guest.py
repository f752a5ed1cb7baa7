"""What runs on the emulated board: edge-sdk's own code with the board's onnxruntime. One command a process.

outputs MODEL INPUTS.npz OUTPUTS.npz   run a model on samples that are stacked on a new first axis
count FOLDER …                         run the model of each folder with QEMU's plugin counting
golden PACKAGE PROFILE                 open a package as that board does, and compare with its golden outputs
"""

from __future__ import annotations

import ctypes
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_sdk.package import open_package
from edge_sdk.package.golden import Golden, worst_snr_db
from edge_sdk.profiles import load_profile
from edge_sdk.session import Session, SessionConfig, config_for, open_session
from edge_sdk.tensors import Array

MARK = 0x45444745  # as in count.c
ONE_THREAD = SessionConfig(threads=1)  # the plugin's counters would race


def outputs(model: str, inputs: str, to: str) -> None:
    """Write the outputs of a model, stacked over the samples."""
    session = open_session(Path(model), ONE_THREAD, where=model)
    results: dict[str, list[Array]] = {}
    for sample in samples(inputs):
        for name, values in session.run(sample).items():
            results.setdefault(name, []).append(values)
    np.savez(to, **{name: np.stack(values) for name, values in results.items()})  # type: ignore[arg-type]


def count(*folders: str) -> None:
    """Run each model on its first sample: twice to warm up, once counted."""
    mark = ctypes.CDLL(None).prctl
    for folder in folders:
        session = open_session(Path(folder) / "model.onnx", ONE_THREAD, where=folder)
        sample = next(samples(f"{folder}/inputs.npz"))
        for _ in range(3):
            mark(MARK, 0, 0, 0, 0)
            session.run_bare(sample)
        mark(MARK, 1, 0, 0, 0)


def golden(package: str, profile: str) -> None:
    """Print the least signal-to-noise ratio of this board's outputs to the golden ones, and what is asked for."""
    board = load_profile(profile)
    opened = open_package(Path(package))
    family, model = opened.model_for(board)
    variant = opened.manifest.variants[family]
    arrays = dict(np.load(io.BytesIO(opened.read(variant.golden))))
    session: Session = open_session(model, replace(config_for(board, family), threads=1), where=family)
    got = worst_snr_db(Golden(arrays, variant.min_snr_db), session)
    print(json.dumps({"family": family, "snr_db": round(got, 1), "asked_db": variant.min_snr_db}))


def samples(path: str) -> Iterator[dict[str, Array]]:
    """Yield the samples of a file, each by the names of the model's inputs."""
    stacked = dict(np.load(path))
    for index in range(len(next(iter(stacked.values())))):
        yield {name: np.asarray(values[index]) for name, values in stacked.items()}


if __name__ == "__main__":
    {"outputs": outputs, "count": count, "golden": golden}[sys.argv[1]](*sys.argv[2:])
