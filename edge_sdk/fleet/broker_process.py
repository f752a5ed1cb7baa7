"""Mosquitto as a child, for a fleet that one command serves: started, watched, started again, told of new lists.

- It runs the written configuration, the same as if it were a service of the system.
- When its certificate or the rights change on the disk, it reads them again (SIGHUP). When the list of the revoked
  does, it is started anew: Mosquitto looks at it when somebody connects, and who is revoked may be connected.
- It ends with this process, however that ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.fleet.broker_config import Broker

_PATH = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
"""Debian has it in /usr/sbin, which is not on every user's path."""
_LOOK_S = 1.0
_STOP_S = 10.0
_MAX_PAUSE_S = 60.0


def end_process(process: subprocess.Popen[bytes], *, patience_s: float) -> None:
    """Ask a child to end, and kill it if it has not in time; one that has ended is left as it is."""
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class BrokerProcess:
    """A broker that runs from `start` to `close`.

    Attributes:
        starts: How often it was started.
    """

    def __init__(self, broker: Broker) -> None:
        """Find the program.

        Raises:
            InputError: Mosquitto is not installed.
        """
        program = shutil.which("mosquitto", path=_PATH)
        if program is None:
            raise InputError("broker: expected mosquitto, got none", hint="sudo apt install mosquitto")
        self._command = (sys.executable, "-c", _DIE_WITH_US, program, "-c", str(broker.folder / "mosquitto.conf"))
        self._bind, self._port = broker.bind, broker.port
        self._read_again = (broker.folder / "acl", broker.folder / "certificate.pem")
        self._revoked = (broker.folder / "crl.pem",)
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="broker", daemon=True)
        self.starts = 0

    def __enter__(self) -> BrokerProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start it.

        Raises:
            UnavailableError: Its port is taken, or it ends at once.
        """
        self._require_port()
        self._process = self._run()
        try:
            code = self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self._thread.start()
            return
        raise UnavailableError(
            f"broker: expected mosquitto to run, got exit code {code}", hint="what it says stands above"
        )

    def close(self) -> None:
        """Stop it; closing twice is harmless."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._stop()

    def _require_port(self) -> None:
        with socket.socket(socket.AF_INET6 if ":" in self._bind else socket.AF_INET) as trying:
            trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trying.bind((self._bind, self._port))
            except OSError as exc:
                raise UnavailableError(
                    f"broker: expected port {self._port} to be free, got {exc.strerror}", hint="does another one run?"
                ) from exc

    def _stop(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        end_process(process, patience_s=_STOP_S)

    def _run(self) -> subprocess.Popen[bytes]:
        self.starts += 1
        return subprocess.Popen(self._command, stdin=subprocess.DEVNULL)  # noqa: S603  ours

    def _watch(self) -> None:
        rights, revoked, pause_s = _times(self._read_again), _times(self._revoked), _LOOK_S
        while not self._is_over.wait(_LOOK_S):
            process = self._process
            if process is None or process.poll() is not None:
                if self._is_over.wait(pause_s):
                    return
                self._process, pause_s = self._run(), min(2 * pause_s, _MAX_PAUSE_S)
                continue
            pause_s = _LOOK_S
            if (now := _times(self._revoked)) != revoked:
                self._stop()
                self._process, revoked = self._run(), now
            elif (now := _times(self._read_again)) != rights:
                process.send_signal(signal.SIGHUP)
                rights = now


def _times(paths: tuple[Path, ...]) -> tuple[int, ...]:
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)


_DIE_WITH_US = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 15)  # PR_SET_PDEATHSIG, SIGTERM; it outlives the exec
os.execv(sys.argv[1], sys.argv[1:])
"""
