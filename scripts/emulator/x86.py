"""An emulated x86 processor without VNNI, whose fast int8 kernels saturate: this checkout's Python runs on it.

The program is the one of the virtual environment; only the instructions are emulated (QEMU 7.2: AVX2, no AVX-512). What
`/proc/cpuinfo` says is the host's, unless another one is put over it in a mount namespace of the process's own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.emulator.board import FOLDER, ROOT

AVX2 = "Haswell-v4"
_LIMIT_S = 1200
_OVER_CPUINFO = 'mount --bind "$0" /proc/cpuinfo && exec "$@"'
_FLAGS = "fpu cx8 cmov fxsr sse sse2 lm ssse3 fma cx16 sse4_1 sse4_2 movbe popcnt aes xsave avx f16c bmi1 avx2 bmi2"


def run_on_x86(
    arguments: Sequence[str | Path], *, cpuinfo: Path | None = None, cpu: str = AVX2
) -> subprocess.CompletedProcess[str]:
    """Run this Python with arguments on an emulated processor; `cpuinfo` is what the system says of it."""
    libraries = ":".join(str(FOLDER / place / "x86_64-linux-gnu") for place in ("lib", "usr/lib"))
    loader = [str(FOLDER / "lib64/ld-linux-x86-64.so.2"), "--library-path", libraries]
    call = [*loader, str(FOLDER / "usr/bin/qemu-x86_64"), "-cpu", cpu, sys.executable, *map(str, arguments)]
    if cpuinfo is not None:
        call = ["unshare", "--mount", "sh", "-c", _OVER_CPUINFO, str(cpuinfo), *call]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        call, cwd=ROOT, capture_output=True, text=True, check=False, timeout=_LIMIT_S, env=environment
    )


def write_cpuinfo(path: Path) -> Path:
    """Write what Linux says of a processor with AVX2 and without VNNI."""
    path.write_text("\n".join(f"processor\t: {index}\nflags\t\t: {_FLAGS}\n" for index in range(os.cpu_count() or 1)))
    return path
