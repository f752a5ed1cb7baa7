"""The child of a golden run: opens a package, runs its variant for this board on the golden samples, answers, ends.

- It comes under its limits before the package is opened; what libraries print goes nowhere.
- A model whose outputs are the same bit for bit, whatever it is given, does not see its input, and is refused: its
  golden outputs were made by itself, so they cannot tell.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from edge_sdk import records
from edge_sdk.agent.golden import Answer, Limits, Proof, Question
from edge_sdk.errors import EdgeError, GateError
from edge_sdk.profiles import DeviceProfile

if TYPE_CHECKING:
    from edge_sdk.package.golden import Golden, Runs
    from edge_sdk.tensors import Tensors

_PR_SET_PDEATHSIG = 1
_NICE = 10


def main() -> None:
    """Answer the question on stdin."""
    question = records.read(Question, json.load(sys.stdin), where="golden run")
    _die_with(question.agent)
    speak = _silence()
    try:
        answer = Answer(proof=prove(question))
    except EdgeError as exc:
        answer = Answer(error=type(exc).__name__, cause=f"{exc}; hint: {exc.hint}" if exc.hint else str(exc))
    except MemoryError:
        answer = Answer(error="GateError", cause=f"golden run: expected to do with {_told(question.limits)}, got more")
    except Exception as exc:  # noqa: BLE001  whatever a candidate makes a library raise is its cause
        answer = Answer(error="GateError", cause=f"golden run: {type(exc).__name__}: {str(exc)[:500]}")
    os.write(speak, json.dumps(records.to_data(answer)).encode() + b"\n")


def prove(question: Question) -> Proof:
    """Run the candidate.

    Raises:
        GateError: It gave other outputs than where it was made, or does not see its input.
        InputError: It cannot be loaded here.
        TrustError: The package is not what its manifest says.
        UnavailableError: The board's execution providers are not there.
    """
    from edge_sdk.package import open_package
    from edge_sdk.package.golden import check_golden, read_golden
    from edge_sdk.profiles import detect_profile, load_profile
    from edge_sdk.runtime import Pipeline
    from edge_sdk.runtime.usage import peak_memory_bytes, usage

    profile = load_profile(question.profile) if question.profile else detect_profile().profile
    limit(question.limits, profile)
    before_bytes = usage().resident_bytes
    package = open_package(Path(question.package))
    with Pipeline.open(package, profile) as pipeline:
        assert pipeline.opened is not None  # noqa: S101  it was opened from a package
        family = pipeline.opened.family
        golden = read_golden(package, package.manifest.variants[family])
        check_golden(golden, pipeline.session, where=package.manifest.name)
        check_sight(golden, pipeline.session, where=package.manifest.name)
        samples = len(next(iter(golden.arrays.values())))
        return Proof(pipeline.model, family, max(0, peak_memory_bytes() - before_bytes), samples)


def limit(limits: Limits, profile: DeviceProfile) -> None:
    """Come under the limits; see `Limits`."""
    from edge_sdk.runtime.swap.room import available_bytes
    from edge_sdk.session import runtime_version

    runtime_version()  # what onnxruntime takes by itself is not the candidate's

    cpu_s = max(1, round(limits.cpu_s))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if profile.gpu is None:
        taken_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        most_bytes = taken_bytes + (limits.memory_bytes or available_bytes() // 2)
        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    os.nice(_NICE)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def check_sight(golden: Golden, model: Runs, *, where: str) -> None:
    """Check that what a model says follows what it is given: golden samples, turned around, nothing, and ones.

    Raises:
        GateError: It says the same bit for bit, whatever it is given.
    """
    import numpy as np

    seen: dict[str, set[bytes]] = {}
    given = _inputs(golden)
    for inputs in given:
        for name, values in model.run(inputs).items():
            if values.dtype.kind == "f" and values.size:
                seen.setdefault(name, set()).add(np.ascontiguousarray(values).tobytes())
    if seen and all(len(values) == 1 for values in seen.values()):
        raise GateError(f"{where}: expected outputs that follow the input, got the same for {len(given)} inputs")


def _inputs(golden: Golden) -> list[Tensors]:
    """Return the golden inputs, and three that are made of the first."""
    import numpy as np

    from edge_sdk.package.golden import INPUT

    stacked = {name[len(INPUT) :]: values for name, values in golden.arrays.items() if name.startswith(INPUT)}
    count = len(next(iter(stacked.values())))
    own: list[Tensors] = [{name: values[index] for name, values in stacked.items()} for index in range(count)]
    first = {name: np.asarray(array) for name, array in own[0].items()}
    nothing, ones = ({name: np.full_like(array, value) for name, array in first.items()} for value in (0, 1))
    return [*own, nothing, ones, {name: np.flip(array).copy() for name, array in first.items()}]


def _silence() -> int:
    """Send what libraries print nowhere; return where to write the answer."""
    speak = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return speak


def _die_with(agent: int) -> None:
    """End when the agent does, whatever ends it; it may have ended already."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != agent:
        sys.exit(0)


def _told(limits: Limits) -> str:
    return f"{limits.memory_bytes >> 20} MiB" if limits.memory_bytes else "half of the memory that there is"


if __name__ == "__main__":
    main()
