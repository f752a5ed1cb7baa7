"""An emulated ARM board: a folder with Debian's arm64 Python, the aarch64 wheels, edge-sdk, and QEMU's user mode.

- `scripts/emulate setup` makes the folder; this file only uses it, as root, by chroot. Each core has a copy of its own,
  of links, in which /proc and /sys say what they say on a board with that core.
- onnxruntime takes its kernels by the features that the emulated kernel tells (HWCAP) and by /proc/cpuinfo.
- What a core computes and how many instructions it takes is the same on any host; how long it takes says nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_sdk.errors import UnavailableError
from edge_sdk.tensors import Array, Tensors
from scripts.emulator.core import CORES, write_system_files

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".emulate/board"
_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/bin",
    "PYTHONPATH": "/opt/edge:/opt/site",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
_LIMIT_S = 3600


@dataclass(frozen=True, slots=True)
class Counts:
    """Executed instructions of one inference.

    Attributes:
        instructions: All of them.
        dot: SDOT and UDOT, 16 integer products each.
        matrix: SMMLA, UMMLA and USMMLA, 32 integer products each.
        integer_mla: Other integer multiplications of vectors: SMULL, SMLAL, MLA, and SADALP.
        float_mla: FMLA of vectors.
        load_store: Loads and stores.
        branch: Branches.
    """

    instructions: int
    dot: int
    matrix: int
    integer_mla: int
    float_mla: int
    load_store: int
    branch: int


class EmulatedBoard:
    """A board with a root folder for each core; `open_board` makes it ready."""

    def __init__(self, roots: Mapping[str, Path]) -> None:
        self._roots = roots

    def outputs(self, core: str, model: bytes, samples: Sequence[Tensors]) -> list[dict[str, Array]]:
        """Return the outputs of a model on samples, computed by a core."""
        with self._job(core, model, samples) as job:
            self._python(core, ["outputs", f"/{job}/model.onnx", f"/{job}/inputs.npz", f"/{job}/outputs.npz"])
            stacked = dict(np.load(self._roots[core] / job / "outputs.npz"))
        return [{name: values[index] for name, values in stacked.items()} for index in range(len(samples))]

    def count(self, core: str, models: Sequence[tuple[bytes, Tensors]]) -> list[Counts]:
        """Return the instructions of one warm inference of each model with its sample, on one thread of a core."""
        with ExitStack() as jobs:
            folders = [f"/{jobs.enter_context(self._job(core, model, [sample]))}" for model, sample in models]
            told = self._python(core, ["count", *folders], counted=("-plugin", "/opt/count.so"))
        lines = [line.split()[1:] for line in told.stderr.splitlines() if line.startswith("counted ")]
        return [Counts(**{name: int(value) for name, value in (word.split("=") for word in line)}) for line in lines]

    def golden(self, core: str, package: Path) -> dict[str, float | str]:
        """Return how near the outputs of a package are to its golden ones on a core, in dB, and what is asked for."""
        with self._job(core, package.read_bytes(), []) as job:
            told = self._python(core, ["golden", f"/{job}/model.onnx", CORES[core].board])
        return dict(json.loads(told.stdout))

    @contextmanager
    def _job(self, core: str, model: bytes, samples: Sequence[Tensors]) -> Iterator[str]:
        """Put a model and samples where the board sees them; gives the folder's name on the board."""
        with tempfile.TemporaryDirectory(dir=self._roots[core] / "tmp") as place:
            folder = Path(place)
            (folder / "model.onnx").write_bytes(model)
            if samples:
                np.savez(folder / "inputs.npz", **_stacked(samples))  # type: ignore[arg-type]
            yield str(folder.relative_to(self._roots[core]))

    def _python(
        self, core: str, arguments: Sequence[str], *, counted: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        call = ["chroot", str(self._roots[core]), "/usr/bin/qemu-aarch64", "-cpu", core, *counted]
        done = subprocess.run(
            [*call, "/usr/bin/python3", "-m", "guest", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=_ENVIRONMENT,
            timeout=_LIMIT_S,
        )
        if done.returncode:
            raise UnavailableError(f"{core}: expected a run, got {_last_line(done.stderr)}")
        return done


def open_board(folder: Path = FOLDER) -> EmulatedBoard:
    """Return the board with this checkout's edge-sdk on it.

    Raises:
        UnavailableError: It has not been set up, or this user cannot use it.
    """
    if why := why_not(folder):
        raise UnavailableError(f"emulator: {why}", hint="scripts/emulate setup, as root on Debian x86_64")
    roots = {core: _root(folder, core) for core in CORES}
    return EmulatedBoard(roots)


def _root(folder: Path, name: str) -> Path:
    """Return the root folder of a core, made of links to the board's files, with what is its own."""
    root = folder.parent / name
    if not root.is_dir():
        shutil.copytree(folder, root, symlinks=True, copy_function=os.link)
    write_system_files(CORES[name], root)
    place = root / "opt/edge"
    shutil.rmtree(place, ignore_errors=True)
    for source in ("edge_sdk", "device_profiles"):
        shutil.copytree(ROOT / source, place / source, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "scripts/emulator/guest.py", place)
    return root


def why_not(folder: Path = FOLDER) -> str:
    """Return why a board cannot be emulated here; empty where it can."""
    if not (folder.parent / "made-from").is_file():
        return f"expected a board in {folder}, got none"
    if os.geteuid() != 0:
        return "expected root for chroot, got another user"
    return ""


def _stacked(samples: Sequence[Tensors]) -> Mapping[str, Array]:
    return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else "nothing"
