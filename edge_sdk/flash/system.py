"""What of a board's system decides which wheels it can install."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_sdk.errors import InputError
from edge_sdk.profiles import DeviceProfile

_ARCHES = ("aarch64", "x86_64")
_VERSION = re.compile(r"\d{1,4}\.\d{1,4}")
_DISTRIBUTION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class BoardSystem:
    """What decides which wheels a board can install.

    Attributes:
        python: Its `python3`, such as `3.13`.
        arch: The instruction set of its system: `aarch64` or `x86_64`.
        glibc: Its C library, or an older one that will do, such as `2.28`.
        keeps: Distributions of the board that stay, by normalised name, such as a vendor's build for its GPU.
        onnxruntime: The newest onnxruntime that may come, such as `1.23.0`; empty for no limit.
    """

    python: str
    arch: str
    glibc: str = "2.28"
    keeps: tuple[str, ...] = ()
    onnxruntime: str = ""

    def __post_init__(self) -> None:
        """Check the versions and names.

        Raises:
            InputError: One is none.
        """
        check_system(self.python, self.arch, self.glibc)
        for name in self.keeps:
            require(_DISTRIBUTION.fullmatch(name), "keeps", "a name such as onnxruntime-gpu", name)

    def __str__(self) -> str:
        """Return it as people say it."""
        return f"Python {self.python} on {self.arch} with glibc {self.glibc}"

    @classmethod
    def of(cls, profile: DeviceProfile, *, python: str = "") -> BoardSystem:
        """Return what a profile says of its boards' system; `python` is that of another release of the system.

        On a board whose profile runs models on a GPU the vendor's onnxruntime stays: that of PyPI has the CPU only.
        """
        is_vendors = any(provider.name != "CPUExecutionProvider" for provider in profile.providers)
        return cls(
            python=python or profile.system.python,
            arch=profile.cpu.arch,
            keeps=("onnxruntime-gpu",) if is_vendors else (),
            onnxruntime=profile.system.onnxruntime,
        )


def check_system(python: str, arch: str, glibc: str) -> None:
    """Check how a system's Python, architecture and C library are written.

    Raises:
        InputError: One is not.
    """
    require(_VERSION.fullmatch(python), "python", "a version such as 3.13", python)
    require(arch in _ARCHES, "arch", " or ".join(_ARCHES), arch)
    require(_VERSION.fullmatch(glibc), "glibc", "a version such as 2.28", glibc)


def require(holds: object, place: str, expected: str, got: object) -> None:
    """Refuse a value of a record that does not hold.

    Raises:
        InputError: It does not.
    """
    if not holds:
        raise InputError(f"{place}: expected {expected}, got {str(got)[:80]!r}")
