"""A connection to a board, by the system's own `ssh`: keys, agents, jump hosts and known hosts are those of the user.

- One login serves all commands (OpenSSH's ControlMaster). Its socket lies in a private folder that goes with it, and
  its process ends with this one, even when this one is killed: it lives as long as its standard input.
- Commands that run on the board are texts of this package. Names, targets and settings never stand on a command line
  there: programs take them, as JSON and bytes, from their standard input (`edge_sdk.flash.ssh.errand`).
- ssh asks for passwords and for unknown host keys on the terminal; without one it asks nothing, and fails.
- What comes back is bounded in bytes and time, and a link that is dead for 45 s ends.
"""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edge_sdk.errors import EdgeError, UnavailableError
from edge_sdk.flash.ssh.address import Address
from edge_sdk.flash.ssh.refusals import refusal

_SSH_FAILED = 255
"""What ssh returns when it is ssh that failed, not the command: ssh(1), EXIT STATUS."""
_READY = "edge-sdk is in"
_MAX_ERROR_BYTES = 64_000
_MAX_GREETING_LINES = 1000
_LOGIN_S, _CONNECT_S = 180.0, 15
_END_S = 2.0
_PIECE_BYTES = 1 << 16
_OPTIONS = (
    *("-T", "-x", "-a"),
    *("-o", f"ConnectTimeout={_CONNECT_S}"),
    *("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"),
    *("-o", "ControlPersist=no", "-o", "ClearAllForwardings=yes", "-o", "PermitLocalCommand=no"),
    *("-o", "RemoteCommand=none"),
    *("-o", "LogLevel=INFO"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command gave.

    Attributes:
        status: Its exit status.
        output: What it wrote, as far as the bound.
        errors: What it wrote to its standard error, as far as the bound.
    """

    status: int
    output: bytes
    errors: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a command may take and how much it may say.

    Attributes:
        seconds: After that it is ended.
        max_bytes: With more than that it is ended.
    """

    seconds: float = 60.0
    max_bytes: int = 1 << 20


USUAL = Limits()


class Connection:
    r"""A login on a board, used in `with`.

    Example:
        >>> with Connection(Address.parse("ssh://pi@press-4")) as board:  # doctest: +SKIP
        ...     board.run("uname -m").output
        b'aarch64\n'
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._held = ExitStack()
        self._ssh: tuple[str, ...] = ()
        self._errors = _Gathered(None)

    def __enter__(self) -> Connection:
        """Log in.

        Raises:
            TrustError: The key of the host is another than the known one, or not known.
            UnavailableError: There is no ssh, no way to the board, or no login.
        """
        program = shutil.which("ssh")
        if program is None:
            raise UnavailableError("ssh: expected the program, got none", hint="sudo apt install openssh-client")
        with ExitStack() as held:
            # below /tmp by name: the path of a socket has room for 104 bytes on macOS, and TMPDIR there takes 50
            folder = held.enter_context(tempfile.TemporaryDirectory(prefix="edge-", dir="/tmp"))
            asking = () if _has_terminal() else ("-o", "BatchMode=yes")
            self._ssh = (program, *_OPTIONS, *asking, "-o", f"ControlPath={Path(folder) / 's'}")
            master = self._start("-o", "ControlMaster=yes", command=f"echo {_READY}; exec cat >/dev/null")
            held.callback(_end, master)
            self._await(master)
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def run(
        self,
        command: str,
        *,
        given: Iterable[bytes] = (),
        on_line: Callable[[str], None] | None = None,
        limits: Limits = USUAL,
    ) -> Answer:
        """Run a command on the board.

        Args:
            command: A text of this package, for any POSIX shell.
            given: What it reads.
            on_line: Called with each line that it writes, as it comes.
            limits: How long it may take, and how much it may say.

        Raises:
            UnavailableError: The connection broke, or the command was beyond its limits.
        """
        process = self._start("-o", "ControlMaster=no", command=command)
        errors, feeder = _Gathered(process.stderr), _Feeder(process.stdin, given)
        try:
            output = self._listen(_out(process), on_line, limits)
            status = process.wait(_END_S)
        finally:
            process.kill()  # of no effect on one that has ended
            process.wait()
            _out(process).close()
        feeder.join()
        if feeder.failed is not None:
            raise feeder.failed
        said = errors.text()
        if status == _SSH_FAILED or status < 0:
            raise refusal(self.address, self._errors.so_far() + said or "Connection closed by remote host")
        return Answer(status, output, said)

    def _listen(self, stream: IO[bytes], on_line: Callable[[str], None] | None, limits: Limits) -> bytes:
        """Return what a command says; its ssh may be gone before: the process of the login holds its pipes as well."""
        output, told = bytearray(), 0
        until_s = time.monotonic() + limits.seconds
        with selectors.DefaultSelector() as waiting:
            waiting.register(stream, selectors.EVENT_READ)
            while waiting.select(max(0.0, until_s - time.monotonic())):
                piece = os.read(stream.fileno(), _PIECE_BYTES)
                output += piece
                if len(output) > limits.max_bytes:
                    raise UnavailableError(
                        f"{self.address}: expected at most {limits.max_bytes} bytes of answer, got more"
                    )
                while on_line is not None and (end := output.find(b"\n", told)) >= 0:
                    on_line(output[told:end].decode(errors="replace"))
                    told = end + 1
                if not piece:
                    return bytes(output)
        raise UnavailableError(f"{self.address}: expected an end within {limits.seconds:g} s, got none")

    def _start(self, *options: str, command: str) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        line = (*self._ssh, *options, *self.address.options, command)
        environment = {**os.environ, "LC_ALL": "C"}  # so that messages are those that are known, on both sides
        return subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)  # noqa: S603  no shell

    def _await(self, master: subprocess.Popen[bytes]) -> None:
        """Wait until the login is done; what the board greets with is passed over."""
        self._errors = _Gathered(master.stderr)
        timer = threading.Timer(_LOGIN_S, master.kill)
        timer.start()
        try:
            for _ in range(_MAX_GREETING_LINES):
                line = _out(master).readline(_MAX_ERROR_BYTES)
                if line.strip() == _READY.encode():
                    return
                if not line:
                    break
        finally:
            timer.cancel()
        said = self._errors.text()
        raise refusal(self.address, said or "Connection timed out")


class _Gathered:
    """What a process says of what is wrong: all of it is read, the beginning and the last lines are kept."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._lines: list[bytes] = []
        self._thread = threading.Thread(target=self._read, args=(stream,), name="ssh stderr", daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Return it, once the process has ended."""
        self._thread.join(_END_S)
        return self.so_far()

    def so_far(self) -> str:
        """Return what came until now."""
        return b"".join(list(self._lines)).decode(errors="replace")

    def _read(self, stream: IO[bytes] | None) -> None:
        size = 0
        with suppress(OSError):
            while stream is not None and (line := stream.readline(4096)):
                self._lines.append(line)
                size += len(line)
                while size > _MAX_ERROR_BYTES:
                    size -= len(self._lines.pop(len(self._lines) // 2))
        if stream is not None:
            stream.close()


class _Feeder:
    """Gives a process what it reads, beside the reading of what it says.

    Attributes:
        failed: Why there was no more to give, if what gives it failed.
    """

    def __init__(self, stream: IO[bytes] | None, given: Iterable[bytes]) -> None:
        self.failed: EdgeError | None = None
        self._thread = threading.Thread(target=self._feed, args=(stream, given), name="ssh stdin", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until all is given, or the process has ended."""
        self._thread.join(_END_S)

    def _feed(self, stream: IO[bytes] | None, given: Iterable[bytes]) -> None:
        if stream is None:
            return
        try:
            with suppress(OSError):  # who stops reading tells why by its end
                for piece in given:
                    stream.write(piece)
        except EdgeError as exc:
            self.failed = exc
        with suppress(OSError):
            stream.close()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _out(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:
        raise UnavailableError("ssh: expected a pipe to read from, got none")
    return process.stdout


def _end(master: subprocess.Popen[bytes]) -> None:
    """End the process of a login by the end of its input, or by force."""
    with suppress(OSError):
        if master.stdin is not None:
            master.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        master.wait(_END_S)
    master.kill()
    master.wait()
    _out(master).close()
