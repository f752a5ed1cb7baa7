"""The processes of the demo: the fleet's services and two agents; all of them end with it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from edge_sdk.cli import output
from edge_sdk.cli.demo.cards import write_belt, write_model
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.files import unwritable
from edge_sdk.fleet.broker_process import end_process

BOARDS = ("press-1", "press-2")
_PROGRAM = "import edge_sdk.cli; edge_sdk.cli.main()"
_COMMAND_S = 120.0
_START_S = 60.0
_STOP_S = 30.0


class Town:
    """A fleet in a folder, and its boards; use it in `with`.

    Attributes:
        fleet: The fleet's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self.fleet = folder, folder / "plant"
        self._processes = ExitStack()

    def __enter__(self) -> Town:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise unwritable(self._folder, exc) from exc
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self._processes.close()

    def run(self, *words: str, shown: str = "") -> dict[str, Any]:
        """Run `edge-sdk` as anybody would, show it, and return its record.

        Args:
            words: Its arguments.
            shown: What is shown of them; empty for all.

        Raises:
            UnavailableError: It fails.
        """
        output.note(f"  $ edge-sdk {shown or ' '.join(words)}")
        told = subprocess.run(  # noqa: S603  this very Python
            [sys.executable, "-c", _PROGRAM, *words, "--json"],
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
            env=self._environment,
            cwd=self._folder,
            check=False,
        )
        if told.returncode:
            raise UnavailableError(f"edge-sdk {' '.join(words)}: expected success, got {told.stderr.strip()}")
        record: dict[str, Any] = json.loads(told.stdout)
        return record

    def found(self) -> None:
        """Make the fleet, and serve it.

        Raises:
            InputError: Mosquitto is not installed.
            UnavailableError: Something does not start.
        """
        ports = [str(port) for port in _free_ports(2)]
        words = ("fleet", "init", "plant", "--host", "localhost", "--bind", "127.0.0.1")
        self.run(*words, "--broker-port", ports[0], "--port", ports[1], shown="fleet init plant --host localhost")
        if os.geteuid() == 0:  # Mosquitto would become a user that cannot read a temporary folder
            config = self.fleet / "broker" / "mosquitto.conf"
            config.write_text(config.read_text().replace("user mosquitto\n", "user root\n"))
        output.note("  $ edge-sdk fleet serve --broker")
        serving = self._start("serve", "-c", _PROGRAM, "fleet", "serve", "--broker")
        _await_port(int(ports[1]), serving, self._folder / "serve.log")

    def add_board(self, name: str) -> None:
        """Make a board a member, give it a first model and a belt to look at, and start its agent."""
        board = self._folder / name
        self.run("fleet", "enroll", name, "--group", "presses")
        claim = f"{name}.claim.json"
        self.run("agent", "enroll", claim, "--state", str(board), shown=f"agent enroll {claim}")
        clip = write_belt(board / "belt.mp4")
        (board / "agent.toml").write_text(f'sources = ["{clip}?pace=real&repeat=1"]\nrate_hz = 10\n')
        self._install(board)
        output.note(f"  {name}$ edge-sdk agent run")
        self._start(name, "-m", "edge_sdk.agent", str(board))

    def write_model(self, version: int, factor: float) -> Path:
        """Write the package of a model, and return its path."""
        return write_model(self._folder / f"cards-{version}.edge", version=version, factor=factor)

    def _install(self, board: Path) -> None:
        from edge_sdk.agent.kept import Kept
        from edge_sdk.agent.slots import Slots

        slots = Slots(board)
        slots.install(slots.take(self._folder / "cards-1.edge"), Kept("cards-1"))

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "EDGE_SDK_FLEET": str(self.fleet)}

    def _start(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        log = self._processes.enter_context((self._folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(  # noqa: S603  this very Python
            [sys.executable, *words], stdout=log, stderr=log, env=self._environment, cwd=self._folder
        )
        self._processes.callback(end_process, process, patience_s=_STOP_S)
        return process


def _free_ports(count: int) -> list[int]:
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _await_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until_s = time.monotonic() + _START_S
    while time.monotonic() < until_s and process.poll() is None:
        with socket.socket() as asking:
            if asking.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    said = log.read_text(errors="replace").strip()[-500:]
    if "expected mosquitto" in said:
        raise InputError("broker: expected mosquitto, got none", hint="sudo apt install mosquitto")
    raise UnavailableError(f"fleet serve: expected it to answer on port {port}, got {said or 'nothing'}")
