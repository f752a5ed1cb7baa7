"""An emulated board: QEMU's `virt` machine with a card of ours, a serial console that is kept, and a door for commands.

- What it starts with is read from the card at each start, as a Raspberry Pi's firmware does: `cmdline.txt`, if there.
- A board that asks for a restart ends QEMU, and is started again with what the card says by then.
- `cut_power` is SIGKILL: what the board has not written by then is gone; what it has, stays.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from edge_sdk.errors import UnavailableError

_QEMU = ("qemu-system-aarch64", "-accel", "tcg,thread=multi", "-cpu", "cortex-a72", "-smp", "2", "-m", "2048")
_PLAIN = ("-nodefaults", "-display", "none", "-no-reboot")
_WITHOUT_CMDLINE = "console=ttyAMA0,115200 root=/dev/vda2 rw quiet"
BOOT_OFFSET = 8192 * 512
_END_S, _LOOK_S = 10.0, 0.2
SAID_BYTES = 4000
"""How much of the console is told when something fails."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a command on the board gave."""

    rc: int
    out: str
    err: str


class Machine:
    """An emulated board; use it in `with`: it is off afterwards.

    Attributes:
        image: Its card.
        log: What it said on its console, over all its starts.
    """

    def __init__(self, image: Path, started_with: Path, *, is_raspberry_pi: bool = False) -> None:
        """Describe it; nothing runs yet.

        Args:
            image: Its card, an image file.
            started_with: The image that the kernel and the first RAM disk belong to.
            is_raspberry_pi: Whether it says that it is a Raspberry Pi 400.
        """
        self.image, self.log = image, image.with_suffix(".console")
        self._kernel, self._ram = (Path(f"{started_with}.{kind}") for kind in ("kernel", "ram.gz"))
        self._door = image.with_suffix(".door")
        self._board = (
            "-M",
            "virt",
            *(("-dtb", str(_raspberry_pi(image.with_suffix(".dtb")))) if is_raspberry_pi else ()),
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self.cut_power()

    @property
    def is_on(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Let it start."""
        self._door.unlink(missing_ok=True)
        serial = ("-chardev", f"file,id=console,path={self.log},append=on", "-serial", "chardev:console")
        door = ("-device", "virtio-serial-pci", "-chardev", f"socket,id=door,path={self._door},server=on,wait=off")
        line = ("-device", "virtconsole,chardev=door")
        card = ("-drive", f"file={self.image},format=raw,if=virtio,cache=unsafe")
        net = ("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=")
        starts = ("-kernel", str(self._kernel), "-initrd", str(self._ram), "-append", self.command_line())
        command = [*_QEMU, *self._board, *_PLAIN, *serial, *door, *line, *card, *net, *starts]
        with self.log.open("ab") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
            )

    def command_line(self) -> str:
        """Return what the kernel is started with, made of `cmdline.txt` as the firmware of a Raspberry Pi does."""
        read = subprocess.run(
            ["mtype", "-i", f"{self.image}@@{BOOT_OFFSET}", "::cmdline.txt"],
            capture_output=True,
            text=True,
            check=False,
        )
        if read.returncode:
            return _WITHOUT_CMDLINE
        words = read.stdout.split("\n")[0].replace("console=serial0", "console=ttyAMA0").split()
        return " ".join(word for word in words if word != "console=tty1")  # the emulated one has no screen

    def cut_power(self) -> None:
        """End it at once, whatever it does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(_END_S)
            self._process = None

    def said(self) -> str:
        """Return what it has said on its console by now."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait(self, what: str, holds: Callable[[], bool], *, limit_s: float) -> float:
        """Wait until something holds, and start it again whenever it restarts; return how long that took, in seconds.

        Raises:
            UnavailableError: It does not hold, in time.
        """
        start_s = time.monotonic()
        while not holds():
            if time.monotonic() - start_s > limit_s:
                raise UnavailableError(
                    f"board: expected {what} within {limit_s:.0f} s, got\n{self.said()[-SAID_BYTES:]}"
                )
            if not self.is_on:
                self.start()
            time.sleep(_LOOK_S)
        return time.monotonic() - start_s

    def run(self, command: str, *, limit_s: float = 120.0) -> Told:
        """Run a command on the board, as root, through the laboratory's door.

        Raises:
            UnavailableError: There is no answer in time: the board is not so far, or hangs.
        """
        mark = f"lab-{time.monotonic_ns()}\n"  # answers to what was asked before and not waited for come first
        try:
            with socket.socket(socket.AF_UNIX) as door:
                door.settimeout(limit_s)
                door.connect(os.path.relpath(self._door))
                door.sendall(json.dumps(f"echo {mark.strip()}; {command}").encode() + b"\n")
                with door.makefile(encoding="utf-8") as answers:
                    for line in answers:
                        answer = json.loads(line)
                        if isinstance(answer, str):  # a board that is not so far gives back the question
                            continue
                        told = Told(**answer)
                        if told.out.startswith(mark):
                            return Told(told.rc, told.out.removeprefix(mark), told.err)
        except (OSError, ValueError) as exc:
            raise UnavailableError(f"board: expected an answer to '{command}', got {exc}") from exc
        raise UnavailableError(f"board: expected an answer to '{command}', got none")


def _raspberry_pi(path: Path) -> Path:
    """Write the device tree of QEMU's machine, with another name for the board, and return its path."""
    subprocess.run([*_QEMU, "-M", f"virt,dumpdtb={path}"], check=True, capture_output=True)
    path.write_bytes(path.read_bytes().replace(b"linux,dummy-virt\0", b"raspberrypi,400\0\0"))
    return path
