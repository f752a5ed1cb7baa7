"""With which arithmetic a variant was measured here, with which its boards compute, and why the two agree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edge_sdk.profiles import DeviceProfile, Family, read_cpu
from edge_sdk.quantize.emit import FORMS
from edge_sdk.quantize.families import IN_INTEGERS
from edge_sdk.quantize.spot_check import LayerCheck

_BY_TENSORRT = "int8 products, summed in 32 bits by TensorRT's kernels"
_AS_WRITTEN = "float32: scales and steps computed as the file says, which is how TensorRT's results are defined"
_KERNELS: tuple[tuple[str, str, str], ...] = (
    ("aarch64", "i8mm", "int8 products, summed in 32 bits (SMMLA)"),
    ("aarch64", "dotprod", "int8 products, summed in 32 bits (SDOT)"),
    ("aarch64", "neon", "int8 products, two summed in 16 bits, which weights from -127 to 127 cannot exceed (SMLAL)"),
    ("x86_64", "vnni", "uint8 by int8 products, summed in 32 bits (VPDPBUSD)"),
)
"""The arithmetic of onnxruntime's kernels by the best feature that a processor has (its MLAS, platform.cpp)."""
_DETOUR = (
    "uint8 products, summed in 32 bits (session.x64quantprecision); those of uint8 by int8 would saturate in 16 bits"
)


@dataclass(frozen=True, slots=True)
class BoardArithmetic:
    """With which arithmetic a board computes: the profile's name, and words."""

    profile: str
    arithmetic: str


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How far what was measured here holds on the boards.

    Attributes:
        host: This machine's processor and the arithmetic of its kernels.
        boards: That of the boards, by their profiles.
        because: Why they agree.
        layers: The layers that were computed exactly and compared with what this machine gives.
    """

    host: str
    boards: tuple[BoardArithmetic, ...]
    because: str
    layers: tuple[LayerCheck, ...]


def tell_arithmetic(
    family: Family, boards: Iterable[DeviceProfile], layers: tuple[LayerCheck, ...]
) -> Arithmetic | None:
    """Return the arithmetic of a variant, here and on its boards; None where nothing is in integers."""
    if family not in IN_INTEGERS:
        return None
    if family in FORMS and FORMS[family].symmetric:
        told = tuple(BoardArithmetic(board.name, _BY_TENSORRT) for board in boards)
        return Arithmetic(_AS_WRITTEN, told, "both round to the same steps; sums differ by what float32 rounds", layers)
    arch, features = read_cpu()
    return Arithmetic(
        host=f"{arch} with {', '.join(sorted(features))}: {kernels_of(arch, features)}",
        boards=tuple(BoardArithmetic(board.name, kernels_of(board.cpu.arch, board.cpu.features)) for board in boards),
        because=_because(layers),
        layers=layers,
    )


def kernels_of(arch: str, features: frozenset[str]) -> str:
    """Return the arithmetic of onnxruntime's int8 kernels on a processor, as edge-sdk opens models there."""
    return next((words for name, feature, words in _KERNELS if name == arch and feature in features), _DETOUR)


def _because(layers: tuple[LayerCheck, ...]) -> str:
    if not layers:
        return "sums of whole numbers are exact on both; no layer could be checked alone"
    worst = max(layer.worst_steps for layer in layers)
    return (
        f"sums of whole numbers are exact on both: of {len(layers)} layer(s) that were computed exactly, this machine "
        f"gives the nearest step (at most {worst:.2f} away)"
    )


def arithmetic_lines(told: Arithmetic) -> list[str]:
    """Return the arithmetic as text."""
    boards = [f"{board.profile}: {board.arithmetic}" for board in told.boards]
    return [f"measured on {told.host}", *boards, told.because]
