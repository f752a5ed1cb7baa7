"""The worker's ears and mouth: lines from the agent, lines to it, and the rule that it does not outlive it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from typing import BinaryIO

from edge_sdk.agent.worker.messages import Report, encode
from edge_sdk.errors import UnavailableError

_PR_SET_PDEATHSIG = 1
_STDOUT, _STDERR = 1, 2


class Mouth:
    """Tells the agent; may be used from several threads."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._turn = file, threading.Lock()

    def say(self, report: Report) -> None:
        """Tell one thing; what the agent does not hear any more is lost, and the worker about to end."""
        try:
            with self._turn:
                self._file.write(encode(report))
                self._file.flush()
        except (OSError, ValueError):  # a pipe without a reader, or closed: the agent is gone
            pass


def own_output() -> BinaryIO:
    """Return the pipe to the agent, and let what libraries print on the standard output go to the error output."""
    pipe = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)
    return os.fdopen(pipe, "wb")


def die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent is gone, however that came (prctl(2), PR_SET_PDEATHSIG).

    Args:
        parent: Its process id.

    Raises:
        UnavailableError: It is gone already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise UnavailableError(f"worker: expected the agent {parent} to be there, got none")


def limit_memory(max_bytes: int) -> None:
    """Let allocations beyond a size fail, and let the kernel take this process before others where memory is short.

    Args:
        max_bytes: Most bytes of writable private memory (setrlimit(2), RLIMIT_DATA); 0 for no limit.
    """
    import resource

    if max_bytes:
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        bound = max_bytes if hard == resource.RLIM_INFINITY else min(max_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (bound, hard))
    try:
        with open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123  a file of the kernel
            file.write("500")
    except OSError:  # not to be changed in some sandboxes: the kernel chooses as it likes
        pass
