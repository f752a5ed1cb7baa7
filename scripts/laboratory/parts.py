"""What is tried in the emulated machine: a program there, and the kernel modules that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.laboratory.machine import run


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the laboratory.

    Attributes:
        program: A Python module of this checkout.
        modules: Kernel modules, with their parameters.
    """

    program: str
    modules: tuple[str, ...]


PARTS: Mapping[str, Part] = {
    "cameras": Part(
        "scripts.laboratory.cameras_guest", ("vivid n_devs=2 node_types=1,1 input_types=0,0 multiplanar=1,2",)
    ),
    "sensors": Part(
        "scripts.laboratory.sensors_guest",
        ("i2c-stub chip_addr=0x48,0x49,0x76", "i2c-dev", "lm75", "bmp280-i2c", "snd-aloop"),
    ),
}


def run_part(name: str) -> dict[str, Any]:
    """Run one part; return what came of each of its steps.

    Raises:
        UnavailableError: There is no machine, or nothing came back.
    """
    part = PARTS[name]
    return dict(run(part.program, modules=part.modules))
