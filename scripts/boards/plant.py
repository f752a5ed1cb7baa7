"""The fleet that emulated boards belong to: made, served and asked by `edge-sdk`'s own commands, each a process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edge_sdk.cli.demo.cards import write_model
from edge_sdk.errors import UnavailableError
from edge_sdk.fleet.broker_process import end_process

ADDRESS = "10.90.0.1"
"""Of the fleet's machine: `scripts/boardlab` makes a network that has no other."""
_SERVER_PORT = 8443
PROGRAM = "import edge_sdk.cli; edge_sdk.cli.main()"
_COMMAND_S, _START_S, _STOP_S, _LOOK_S = 600.0, 90.0, 30.0, 0.2
_GATES = "shadow_samples = 8\nshadow_s = 120\ntrial_results = 12\ntrial_s = 900\nmax_latency_ratio = 20\n"
"""Few samples: an emulated board is slow, and its pace is not what is tried."""


class Plant:
    """A fleet; use it in `with`: what it has started ends with it.

    Attributes:
        folder: Where all files of the laboratory are.
        fleet: The fleet's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.fleet = folder, folder / "plant"
        self._serving: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def found(self) -> None:
        """Make the fleet, and its first three models."""
        self.run("fleet", "init", str(self.fleet), "--host", ADDRESS, "--bind", ADDRESS)
        config = self.fleet / "broker" / "mosquitto.conf"  # as whom it runs matters to nobody in this network
        config.write_text(config.read_text().replace("user mosquitto\n", "user root\n"))
        (self.folder / "gates.toml").write_text(_GATES)
        for version, factor in ((1, 10.0), (2, 12.0), (3, 14.0)):
            write_model(self.package(version), version=version, factor=factor)

    def package(self, version: int) -> Path:
        """Return where the package of a version is."""
        return self.folder / f"cards-{version}.edge"

    def serve(self) -> None:
        """Let the fleet's services run.

        Raises:
            UnavailableError: They do not answer.
        """
        log = self.folder / "serve.log"
        self._serving = self.start("fleet", "serve", "--broker", log=log)
        until_s = time.monotonic() + _START_S
        while time.monotonic() < until_s:
            with socket.socket() as asking:
                if asking.connect_ex((ADDRESS, _SERVER_PORT)) == 0:
                    return
            time.sleep(_LOOK_S)
        raise UnavailableError(f"fleet serve: expected an answer, got {log.read_text()[-1000:]}")

    def stop(self) -> None:
        """Stop the fleet's services."""
        if self._serving is not None:
            end_process(self._serving, patience_s=_STOP_S)
            self._serving = None

    def release(self, version: int, device: str) -> None:
        """Release a version, and assign it to a device."""
        self.run("fleet", "release", str(self.package(version)), "--gates", str(self.folder / "gates.toml"))
        self.run("fleet", "assign", f"cards-{version}", device)

    def status(self, device: str) -> dict[str, Any]:
        """Return what the fleet knows of a device, as `edge-sdk fleet status` tells it."""
        record: dict[str, Any] = self.run("fleet", "status", device)["devices"][0]
        return record

    def run(self, *words: str) -> dict[str, Any]:
        """Run `edge-sdk` to its end, and return its record.

        Raises:
            UnavailableError: It fails.
        """
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *words, "--json"],
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
            env=self._environment,
            cwd=self.folder,
            check=False,
        )
        if done.returncode:
            raise UnavailableError(f"edge-sdk {' '.join(words)}: expected success, got {done.stderr.strip()[-2000:]}")
        record: dict[str, Any] = json.loads(done.stdout)
        return record

    def start(self, *words: str, log: Path) -> subprocess.Popen[bytes]:
        """Start `edge-sdk`, and return its process; what it says goes to the end of a file."""
        command = [sys.executable, "-c", PROGRAM, *words]
        with log.open("ab") as file:
            return subprocess.Popen(command, stdout=file, stderr=file, env=self._environment, cwd=self.folder)

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "EDGE_SDK_FLEET": str(self.fleet)}
