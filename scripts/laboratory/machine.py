"""The emulated machine: boots, runs one Python module of this checkout, and gives back what it printed as JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_sdk.errors import UnavailableError
from scripts.laboratory.telling import MARK

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".lab"
_QEMU = ("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-M", "q35", "-m", "1536")
_PLAIN = ("-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio")


def why_not() -> str:
    """Return why there is no machine to run; nothing if there is one."""
    return "" if (FOLDER / "made-from").exists() else "it is not set up"


def run(module: str, *, modules: Sequence[str] = (), limit_s: float = 500) -> Any:
    """Boot the machine and run a module there.

    Args:
        module: A Python module of this checkout that ends with `tell`.
        modules: Kernel modules to load first, with their parameters, such as `vivid n_devs=1`.
        limit_s: How long it may take.

    Returns:
        What the module printed, decoded.

    Raises:
        UnavailableError: The machine is not set up, or the module gave nothing back.
    """
    if why := why_not():
        raise UnavailableError(f"lab: expected a machine, got none: {why}", hint="scripts/lab setup")
    words = {
        "modules": ";".join(text.replace(" ", "+") for text in modules),
        "folder": str(ROOT),
        "program": f"{ROOT}/.venv/bin/python+-m+{module}",
    }
    line = " ".join(["console=ttyS0 panic=-1 quiet", *(f"lab.{key}={value}" for key, value in words.items())])
    files = ("-kernel", str(FOLDER / "vmlinuz"), "-initrd", str(FOLDER / "ram.gz"), "-append", line)
    host = ("-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap")
    done = subprocess.run(
        [*_QEMU, *_PLAIN, *files, *host],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=limit_s,
        check=False,
    )
    for printed in done.stdout.splitlines():
        _, mark, told = printed.partition(MARK)  # what the firmware does to the screen may stand before it
        if mark:
            return json.loads(told)
    raise UnavailableError(f"lab: expected a result, got\n{done.stdout[-2000:]}{done.stderr[-1000:]}")
