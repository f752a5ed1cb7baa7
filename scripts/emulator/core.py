"""What Linux says of the cores that are emulated: the files by which programs learn what they run on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Core:
    """A core.

    Attributes:
        board: The name of the profile of a board that has it.
        part: The part number in the main id register (MIDR_EL1), Arm's own.
        features: What the kernel calls what it can do.
    """

    board: str
    part: int
    features: str


CORES = {
    "cortex-a53": Core("raspberry-pi-zero-2-w", 0xD03, "fp asimd evtstrm crc32 cpuid"),
    "cortex-a72": Core("raspberry-pi-4b", 0xD08, "fp asimd evtstrm crc32 cpuid"),
    "cortex-a76": Core(
        "raspberry-pi-5",
        0xD0B,
        "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp",
    ),
}
"""The cores by QEMU's names."""
_LEAST_PROCESSORS = 4


def write_system_files(core: Core, root: Path) -> None:
    """Write `/proc/cpuinfo` and the lists in `/sys` below a root folder, for as many processors as this machine has."""
    count = max(_LEAST_PROCESSORS, os.cpu_count() or 1)
    processors = [
        f"processor\t: {index}\nBogoMIPS\t: 108.00\nFeatures\t: {core.features}\nCPU implementer\t: 0x41\n"
        f"CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: {core.part:#x}\nCPU revision\t: 1\n"
        for index in range(count)
    ]
    (root / "proc/cpuinfo").write_text("\n".join(processors))
    listed = root / "sys/devices/system/cpu"
    listed.mkdir(parents=True, exist_ok=True)
    for name in ("possible", "present"):
        (listed / name).write_text(f"0-{count - 1}\n")
