"""A source, opened in a child process: what a framework or a pickle does there, crash or hang, ends the child alone."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

import numpy as np

from edge_sdk import records
from edge_sdk.convert.engines.child import Feed, read_feeds, write_feeds
from edge_sdk.convert.record import ConvertRequest, Exported, SourceFacts
from edge_sdk.errors import InputError
from edge_sdk.tensors import Array, Tensors

_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "PIP_NO_INDEX": "1", "TQDM_DISABLE": "1"}
"""Libraries print less, compute on the CPU, and install nothing."""
_FEW_LETTERS = 300


class SourceProcess:
    """A source in its child process, which ends with the `with` block.

    Args:
        request: What is asked.
        framework: The name of its framework; empty where a factory tells it.
        environment: Variables of the child that are not those of this process.

    Attributes:
        framework: Its name.
    """

    def __init__(
        self, request: ConvertRequest, framework: str, *, environment: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.framework = framework
        self._request = request
        self._temporary = tempfile.TemporaryDirectory(prefix="edge-sdk-convert-")
        self._folder = Path(self._temporary.name)
        order = {"framework": framework, "order": records.to_data(request.order)}
        (self._folder / "request.json").write_text(json.dumps(order))
        self._log = (self._folder / "log").open("wb")
        self._child = _start(self._folder, self._log, environment)

    def __enter__(self) -> SourceProcess:
        """Open the source.

        Raises:
            InputError: It cannot be opened.
        """
        try:
            self.framework = str(self._ask("open")["framework"])
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the child."""
        self._end()

    def export(self) -> tuple[Exported, SourceFacts]:
        """Return the ONNX model, and what the source states.

        Raises:
            InputError: The framework cannot export it.
        """
        answer = self._ask("export")
        model = (self._folder / "model.onnx").read_bytes()
        facts = records.read(SourceFacts, answer["facts"], where="facts")
        return Exported(model, answer["exporter"], tuple(answer["fallbacks"])), facts

    def run(self, feeds: Sequence[Tensors]) -> list[Feed]:
        """Return the framework's outputs of each batch."""
        write_feeds(self._folder / "inputs.npz", [dict(feed) for feed in feeds])
        self._ask("run")
        return read_feeds(self._folder / "outputs.npz")

    def layers(self, feed: Tensors) -> list[tuple[str, Array]]:
        """Return what the layers give, in the order of computation."""
        write_feeds(self._folder / "inputs.npz", [dict(feed)])
        names = self._ask("layers")["names"]
        with np.load(self._folder / "layers.npz", allow_pickle=False) as arrays:
            return [(name, arrays[entry]) for name, entry in zip(names, arrays.files, strict=True)]

    def _ask(self, command: str) -> dict[str, Any]:
        where = self._request.order.source
        try:
            self._child.stdin.write(f"{command}\n".encode())
            self._child.stdin.flush()
        except BrokenPipeError:
            pass  # what it died of is told below
        line = self._answer(where, command)
        if not line:
            code = self._child.wait()
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            raise InputError(
                f"{where}: expected to {command} it, got a crash of the child process: {how}{self._words()}"
            )
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise InputError(f"{answer['error']}", hint=answer["hint"])
        return answer

    def _answer(self, where: str, command: str) -> bytes:
        with selectors.DefaultSelector() as ready:
            ready.register(self._child.stdout, selectors.EVENT_READ)
            if not ready.select(self._request.limit_s):
                raise InputError(f"{where}: expected to {command} it within {self._request.limit_s:g} s, got no answer")
        return bytes(self._child.stdout.readline())

    def _words(self) -> str:
        words = (self._folder / "log").read_text(errors="replace").strip().splitlines()
        return f" ({words[-1][:_FEW_LETTERS]})" if words else ""

    def _end(self) -> None:
        if self._child.poll() is None:
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout, self._log):
            pipe.close()
        self._temporary.cleanup()


def _start(folder: Path, log: Any, environment: Mapping[str, str]) -> Any:
    """Start the child in the user's folder, whose code a factory may be."""
    return subprocess.Popen(  # noqa: S603  this very Python
        [sys.executable, "-m", "edge_sdk.convert.child", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env={**_QUIET, **os.environ, **environment},
        start_new_session=True,
    )
