"""Whether a board that was asked can take edge-sdk, and this kit: every no before anything on it is changed.

- What the board lacks is an `UnavailableError` with what to type there; a kit for another board is an `InputError`.
- On a board whose onnxruntime computes on the GPU, that build is kept: PyPI's would take its place and use the CPU.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.flash.kit import Kit
from edge_sdk.flash.ssh.address import Address
from edge_sdk.flash.ssh.probe import OnnxRuntime, Probe
from edge_sdk.flash.system import BoardSystem
from edge_sdk.profiles import DeviceProfile, list_profiles

_OLDEST_PYTHON = (3, 10)
_ARCHES = ("aarch64", "x86_64")
_CPU = "CPUExecutionProvider"
_GPU = frozenset({"TensorrtExecutionProvider", "CUDAExecutionProvider"})
_WRONG_CLOCK_S = 24 * 3600.0
_TOLD_CLOCK_S = 60.0


def require_able(address: Address, board: Probe) -> None:
    """Check that a board can take edge-sdk at all.

    Raises:
        UnavailableError: It cannot, or not yet; the hint is what to type.
    """
    _require_root(address, board)
    for is_well, expected, got, hint in (
        (
            board.bits == 64 and board.machine in _ARCHES,
            "a 64-bit system of aarch64 or x86_64",
            f"{board.machine} of {board.bits} bits",
            "onnxruntime has no wheel for it: install the 64-bit system of the board",
        ),
        (board.glibc != "", "a system with glibc", board.os_name, "Raspberry Pi OS, Debian, Ubuntu or JetPack"),
        (board.has_systemd, "a system that systemd runs", board.os_name, "a container is no board"),
        (
            _numbers(board.python) >= _OLDEST_PYTHON,
            "Python 3.10 or newer",
            board.python,
            "a newer system: Raspberry Pi OS 12, Ubuntu 22.04, JetPack 6",
        ),
        (board.has_venv, "Python's venv", "none", "on the board: sudo apt install python3-venv"),
        (
            board.clock_ahead_s < _WRONG_CLOCK_S,
            "a clock that is right",
            f"one that is {board.clock_ahead_s / 3600:.0f} hours ahead: certificates would have ended",
            "on the board: sudo timedatectl set-ntp true",
        ),
    ):
        if not is_well:
            raise UnavailableError(f"{address}: expected {expected}, got {got}", hint=hint)


def require_fit(address: Address, board: Probe, kit: Kit, *, may_rename: bool = False) -> None:
    """Check that a kit is for this board.

    Args:
        address: Where it is.
        board: What it is.
        kit: What is to go there.
        may_rename: Whether a board that has another name in its fleet may get this one.

    Raises:
        InputError: The kit is for another board, system or device.
        UnavailableError: The board has too little room.
    """
    if _is_other_board(board, kit.profile):
        raise InputError(
            f"{address}: expected the board {kit.profile}, got {board.profile}: {', '.join(board.marks)}",
            hint=f"--profile {board.profile}, or another address",
        )
    there = board.installed.device
    if there and there != kit.device and not may_rename:
        raise InputError(
            f"{address}: expected {kit.device} or a board without a name, got {there}",
            hint=f"another address, or --device-id {there}; --rename if it is to be {kit.device} from now on",
        )
    for name, wanted, got in (("system", kit.arch, board.machine), ("Python", kit.python, board.python_minor)):
        if wanted != got:
            raise InputError(f"{address}: expected the {name} {wanted} that the kit is for, got {got}")
    if _numbers(board.glibc) < _numbers(kit.glibc):
        raise InputError(f"{address}: expected glibc {kit.glibc} or newer, got {board.glibc}")
    room = kit.needs_bytes + kit.size_bytes
    if board.free_opt_bytes < room:
        raise UnavailableError(
            f"{address}: expected {room / 1e6:.0f} MB free below /opt, got {board.free_opt_bytes / 1e6:.0f}",
            hint="free some space on the board: sudo apt clean; sudo journalctl --vacuum-size=50M",
        )


def system_of(board: Probe, profile: DeviceProfile) -> BoardSystem:
    """Return what decides which wheels the board gets.

    Args:
        board: What it is.
        profile: The profile that it is flashed for.

    Raises:
        InputError: The profile is for another architecture.

    Example:
        A Jetson with `onnxruntime-gpu` keeps it: `system_of(found, profile).keeps == ("onnxruntime-gpu",)`.
    """
    if board.machine != profile.cpu.arch:
        raise InputError(
            f"{profile.name}: expected a board of {profile.cpu.arch}, got one of {board.machine}",
            hint="edge-sdk profiles list",
        )
    return BoardSystem(
        python=board.python_minor,
        arch=board.machine,
        glibc=board.glibc,
        keeps=tuple(sorted({_normal(build.name) for build in board.onnxruntime})) if _has_gpu_build(board) else (),
        onnxruntime=profile.system.onnxruntime,
    )


def notes(board: Probe, profile: DeviceProfile) -> tuple[str, ...]:
    """Return what is not as it could be, with its cure, a sentence each."""
    return tuple(_notes(board, profile))


def _notes(board: Probe, profile: DeviceProfile) -> Iterator[str]:
    if abs(board.clock_ahead_s) > _TOLD_CLOCK_S:
        side = "ahead" if board.clock_ahead_s > 0 else "behind"
        yield f"the board's clock is {abs(board.clock_ahead_s):.0f} s {side}: sudo timedatectl set-ntp true"
    if not board.profile:
        yield f"no profile fits what the board says of itself: {board.why_no_profile}"
    elif not board.is_specific and not profile.detection.any_board:
        yield f"nothing on the board says that it is {profile.name}"
    wants_gpu = any(provider.name != _CPU for provider in profile.providers)
    if _has_gpu_build(board):
        yield f"kept: {_told(board.onnxruntime)} of the board, with {', '.join(board.providers)}"
        if len(board.onnxruntime) > 1:
            yield "several builds of onnxruntime lie on top of each other: uninstall all, install the one for the GPU"
    elif wants_gpu:
        yield f"{_found(board)}: {_cure(profile)}"


def _found(board: Probe) -> str:
    if board.onnxruntime_error:
        return f"{_told(board.onnxruntime)} of the board cannot be imported ({board.onnxruntime_error})"
    if board.onnxruntime:
        return f"{_told(board.onnxruntime)} of the board runs on the CPU alone"
    if board.of_user:
        return f"{_told(board.of_user)} is there for the user {board.user} alone, where no service finds it"
    return "the board has no onnxruntime for its GPU"


def _cure(profile: DeviceProfile) -> str:
    build = next((f" in the build of {source.where}" for source in profile.sources if "-gpu" in source.says), "")
    return f"on the board, sudo pip3 install onnxruntime-gpu{build}, then flash again"


def _require_root(address: Address, board: Probe) -> None:
    if board.rights in ("root", "sudo"):
        return
    line = f"echo '{board.user} ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/010-edge-sdk"
    if board.rights == "password":
        raise UnavailableError(
            f"{address}: expected sudo without a password for {board.user}, got one that asks for it",
            hint=f'once: ssh -t {address.typed} "{line}"; afterwards: sudo rm /etc/sudoers.d/010-edge-sdk',
        )
    raise UnavailableError(
        f"{address}: expected a user that may become root, got {board.user}: {board.sudo_said or 'no sudo'}",
        hint=f"another user: ssh://USER@{address.host}",
    )


def _is_other_board(board: Probe, wanted: str) -> bool:
    """Tell whether the marks speak against a profile; one for any board, or of the user's own, contradicts none."""
    if not board.is_specific or board.profile == wanted:
        return False
    return any(profile.name == wanted and not profile.detection.any_board for profile in list_profiles())


def _has_gpu_build(board: Probe) -> bool:
    return bool(board.onnxruntime) and not _GPU.isdisjoint(board.providers)


def _told(builds: tuple[OnnxRuntime, ...]) -> str:
    return ", ".join(f"{build.name} {build.version}" for build in builds)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
