"""The golden run of a candidate: in a child with limits, so that a crash, a hang or too little memory is a cause.

The agent imports neither numpy nor onnxruntime; the child (`golden_child`) does, answers with one line, and is gone. It
dies with the agent, is nice to the model in use, and is the first that the kernel ends when memory is short.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge_sdk import records
from edge_sdk.errors import EdgeError, GateError, InputError, TrustError, UnavailableError
from edge_sdk.profiles import Family

_COMMAND = (sys.executable, "-m", "edge_sdk.agent.golden_child")
_ENVIRONMENT = {"ORT_DISABLE_TELEMETRY": "1", "MALLOC_ARENA_MAX": "2"}
_MAX_ANSWER_BYTES = 1 << 16
_ENGINE_S = 1800.0
_ERRORS: Mapping[str, type[EdgeError]] = {"TrustError": TrustError, "UnavailableError": UnavailableError}
"""What is told as it is; all else is the candidate's fault."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a golden run may take.

    Attributes:
        memory_bytes: Memory that it may allocate beyond what Python and onnxruntime take; 0 for half of what there is.
            Not held where a GPU is used, whose driver reserves address space for all memory.
        cpu_s: Processor time, of all its threads together.
        wall_s: Time.
    """

    memory_bytes: int = 0
    cpu_s: float = 300.0
    wall_s: float = 120.0

    @classmethod
    def of(cls, family: Family, max_memory_bytes: int) -> Limits:
        """Return those for a variant: TensorRT makes its engine first, which takes minutes.

        Args:
            family: The variant.
            max_memory_bytes: What its release says that it takes at most; 0 if it says nothing.
        """
        memory_bytes = 2 * max_memory_bytes + (256 << 20) if max_memory_bytes else 0
        if family.startswith("tensorrt"):
            return cls(memory_bytes, cpu_s=_ENGINE_S, wall_s=_ENGINE_S)
        return cls(memory_bytes)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a candidate has shown.

    Attributes:
        model_sha256: Digest of the ONNX bytes that were loaded.
        family: Which variant they are.
        memory_bytes: What it took in memory at most.
        samples: How many golden samples it gave.
    """

    model_sha256: str
    family: str
    memory_bytes: int
    samples: int


@dataclass(frozen=True, slots=True)
class Question:
    """What the child is asked: its line on stdin."""

    package: str
    profile: str
    agent: int
    limits: Limits


@dataclass(frozen=True, slots=True)
class Answer:
    """What the child says: its line on stdout."""

    proof: Proof | None = None
    error: str = ""
    cause: str = ""


class GoldenRun:
    """Runs candidates on their golden samples.

    Example:
        >>> GoldenRun()(Path("releases/0f…/package.edge"), Limits()).samples  # doctest: +SKIP
        8
    """

    def __init__(self, profile: str = "", *, command: Sequence[str] = _COMMAND) -> None:
        """Prepare.

        Args:
            profile: Name of the board's profile; empty finds out.
            command: What starts a child.
        """
        self._profile, self._command = profile, tuple(command)

    def __call__(self, package: Path, limits: Limits) -> Proof:
        """Run a candidate.

        Args:
            package: Its package; a path without links.
            limits: What it may take.

        Raises:
            GateError: It crashed, hung, took too much, does not load, or gave other outputs.
            TrustError: The package is not what its manifest says.
            UnavailableError: No child can be started, or what the package needs is not on this board now.
        """
        question = Question(str(package), self._profile, os.getpid(), limits)
        try:
            child = subprocess.Popen(  # noqa: S603  this Python with a module of ours
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **_ENVIRONMENT},
                close_fds=True,
            )
        except OSError as exc:
            raise UnavailableError(f"golden run: expected a child process, got {exc.strerror or exc}") from exc
        with child:
            return _ask(child, question)


def _ask(child: subprocess.Popen[bytes], question: Question) -> Proof:
    try:
        said, _ = child.communicate(json.dumps(records.to_data(question)).encode(), timeout=question.limits.wall_s)
    except subprocess.TimeoutExpired as exc:
        raise GateError(f"golden run: expected an end within {question.limits.wall_s:g} s, got none") from exc
    finally:
        child.kill()
    answer = _read(said[:_MAX_ANSWER_BYTES])
    if answer.proof is not None and child.returncode == 0:
        return answer.proof
    if answer.error:
        raise _ERRORS.get(answer.error, GateError)(answer.cause)
    raise GateError(f"golden run: expected an answer, got {_ended(child.returncode, question.limits)}")


def _read(said: bytes) -> Answer:
    with suppress(ValueError, InputError):
        return records.read(Answer, json.loads(said), where="golden run", unknown="ignore")
    return Answer()


def _ended(code: int, limits: Limits) -> str:
    if code == -signal.SIGXCPU:
        return f"more than {limits.cpu_s:g} s of processor time"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
