"""Starts engines in child processes: what one of them does there, crash or hang, is an answer and not the end.

- An engine that lives in an environment of its own is started with that Python: named by hand, or `NAME/bin/python` in
  the folder of `EDGE_SDK_ENGINES`. Such a child sees nothing of this environment (`python -I`).
- A child gets one thread a library, and a time limit.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_sdk.convert.engines import ENGINES, Engine
from edge_sdk.convert.engines.child import Feed, read_feeds, write_feeds
from edge_sdk.errors import InputError
from edge_sdk.records import near_match

FOLDER_VARIABLE = "EDGE_SDK_ENGINES"
_HERE = Path(__file__).parent
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "OPENCV_LOG_LEVEL": "FATAL", "PIP_NO_INDEX": "1", "CI": "true", "GLOG_v": "0"}
"""Libraries print less, report their use to nobody, and install nothing."""
_ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TVM_NUM_THREADS")}

Outcome = Literal["ran", "refused", "crashed", "late", "missing"]


@dataclass(frozen=True, slots=True)
class Job:
    """What all engines are given.

    Attributes:
        model: The serialized ONNX model.
        feeds: The inputs of each sample.
        outputs: Names of the outputs in the model's order, each with its shape where it is known, else ().
        limit_s: When a child is ended.
    """

    model: bytes
    feeds: Sequence[Feed]
    outputs: Mapping[str, tuple[int, ...]]
    limit_s: float


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of an engine.

    Attributes:
        outcome: `ran`, or why there are no outputs.
        reason: The same in words; empty if it ran.
        versions: What it computes with.
        outputs: The outputs of each sample.
    """

    outcome: Outcome
    reason: str
    versions: dict[str, str]
    outputs: Sequence[Feed] = ()


@dataclass(frozen=True, slots=True)
class Places:
    """Where engines live.

    Attributes:
        pythons: The interpreter of an engine, by name, as the user says.
        table: The engines by name.
    """

    pythons: Mapping[str, Path]
    table: Mapping[str, Engine]

    def python(self, name: str) -> Path | None:
        """Return the interpreter that runs an engine; None if there is none.

        Raises:
            InputError: What the user names is no program.
        """
        if name in self.pythons:
            if not os.access(self.pythons[name], os.X_OK):
                raise InputError(f"--engine-python: expected a Python for {name}, got {self.pythons[name]}")
            return self.pythons[name]
        engine = self.table[name]
        own = Path(os.environ.get(FOLDER_VARIABLE, "")) / name / "bin/python"
        if FOLDER_VARIABLE in os.environ and not engine.own and own.is_file():
            return own
        return Path(sys.executable) if importlib.util.find_spec(engine.module) is not None else None

    def installed(self) -> tuple[str, ...]:
        """Return the engines that there are."""
        return tuple(name for name in self.table if self.python(name) is not None)


def find_places(pythons: Mapping[str, Path], table: Mapping[str, Engine] = ENGINES) -> Places:
    """Return where engines live.

    Raises:
        InputError: An engine is not known.
    """
    for name in pythons:
        check_engine(name, table)
    return Places(pythons, table)


def check_engine(name: str, table: Mapping[str, Engine] = ENGINES) -> None:
    """Check that there is an engine of this name.

    Raises:
        InputError: There is none.
    """
    if name not in table:
        raise InputError(f"--engine: expected one of {', '.join(table)}, got '{name}'{near_match(name, list(table))}")


def run_engine(name: str, job: Job, places: Places) -> Ran:
    """Run an engine on all samples, in a child process.

    Args:
        name: The engine.
        job: What to run.
        places: Where engines live.
    """
    python, engine = places.python(name), places.table[name]
    if python is None:
        return Ran("missing", f"not installed: pip install {engine.install}", {})
    with tempfile.TemporaryDirectory(prefix=f"edge-sdk-{name}-") as temporary:
        folder = Path(temporary)
        _write_job(folder, engine, job)
        try:
            code = _start(python, folder, job.limit_s)
        except subprocess.TimeoutExpired:
            return Ran("late", f"no answer within {job.limit_s:g} s", {})
        return _read_answer(folder, code)


def _write_job(folder: Path, engine: Engine, job: Job) -> None:
    (folder / "work").mkdir()
    model = folder / "work/model.onnx"
    model.write_bytes(job.model)
    request = {"engine": str(_HERE / f"{engine.file}.py"), "model": str(model), "mode": engine.mode}
    (folder / "request.json").write_text(json.dumps({**request, "outputs": list(job.outputs.items())}))
    write_feeds(folder / "inputs.npz", list(job.feeds))


def _start(python: Path, folder: Path, limit_s: float) -> int:
    """Run the child to its end; it and all that it started end with the time limit."""
    own = str(python) == sys.executable
    program = ["-m", "edge_sdk.convert.engines.child"] if own else ["-I", str(_HERE / "child.py")]
    path = f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    variables = {**os.environ, **_QUIET, **_ONE_THREAD, "PATH": path, "HOME": str(folder)}
    if own:
        variables["PYTHONPATH"] = str(_HERE.parents[2])
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(  # noqa: S603  a Python that the user installed
            [str(python), *program, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder / "work",
            env=variables,
            start_new_session=True,
        )
        try:
            return child.wait(limit_s)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def _read_answer(folder: Path, code: int) -> Ran:
    if not (folder / "answer.json").is_file():
        return Ran("crashed", f"crashed: {_how(code)}{_last_words(folder / 'log')}", {})
    answer = json.loads((folder / "answer.json").read_text())
    versions = answer["versions"]
    if answer["refused"]:
        return Ran("refused", answer["refused"].replace(f"{folder}/", ""), versions)
    return Ran("ran", "", versions, read_feeds(folder / "outputs.npz"))


def _how(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _last_words(log: Path) -> str:
    words = log.read_text(errors="replace").strip().splitlines()
    return f" ({words[-1][:200]})" if words else ""
