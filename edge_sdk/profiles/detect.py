"""Which board this is, told by files alone, so that a folder can stand for a board.

- The board's own marks come first: the device tree's model and compatible strings, then NVIDIA's module ids.
- Where no profile names the board, the one for its architecture and CPU features is taken.
- A board that runs a 32-bit system has no profile: onnxruntime has no wheel for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_sdk import files
from edge_sdk.errors import InputError
from edge_sdk.profiles.load import list_profiles
from edge_sdk.profiles.record import CpuFeature, DeviceProfile

_TREES = ("sys/firmware/devicetree/base", "proc/device-tree")  # the second may be a link that leaves the root
_IDS = (
    "compatible",
    "chosen/ids",
    "chosen/plugin-manager/ids",
    "nvidia,boardids",
    "nvidia,proc-boardid",
    "nvidia,dtsfilename",
)
"""Where module ids stand, by JetPack: in 5 and later the first two, in 4 all but the second."""
_MODULE_ID = re.compile(r"(?<!\d)(\d{4})[-:](\d{4})(?!\d)(-super)?")
_CPU_WORDS = re.compile(r"^(?:flags|Features)\s*:(.*)$", re.MULTILINE)
_FEATURES: dict[str, CpuFeature] = {
    "asimd": "neon",
    "asimddp": "dotprod",
    "asimdhp": "fp16",
    "avx2": "avx2",
    "avx512_vnni": "vnni",
    "avx512f": "avx512",
    "avx_vnni": "vnni",
    "bf16": "bf16",
    "i8mm": "i8mm",
    "sve2": "sve2",
}
"""What Linux calls a feature in /proc/cpuinfo, and what a profile calls it."""
_ARCHITECTURES = {"asimd": "aarch64", "lm": "x86_64"}  # each word stands in 64-bit systems only
_MAX_TREE_BYTES = 1 << 16
_MAX_CPUINFO_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class Evidence:
    """A mark that was found.

    Attributes:
        file: The file that has it, relative to the root.
        mark: What it says.
        profile: The name of the profile that it points to.
    """

    file: str
    mark: str
    profile: str


@dataclass(frozen=True, slots=True)
class Detected:
    """A board that was recognized.

    Attributes:
        profile: Its profile.
        evidence: All marks that were found; the first one decided.
        notes: What does not fit, a sentence each.
    """

    profile: DeviceProfile
    evidence: tuple[Evidence, ...]
    notes: tuple[str, ...] = ()


def detect_profile(root: Path = Path("/"), folder: Path | None = None) -> Detected:
    """Find the profile of a board.

    Args:
        root: Where the board's file system is.
        folder: Where the user's own profiles are; their marks come before those of the profiles of edge-sdk.

    Raises:
        InputError: No profile fits, the system is not a 64-bit one, or a profile has a mistake.

    Example:
        >>> detect_profile().profile.cpu.arch in {"aarch64", "x86_64"}
        True
    """
    profiles = list_profiles(folder)
    arch, features = read_cpu(root)
    tree = next((root / name for name in _TREES if (root / name).is_dir()), root / _TREES[-1])
    evidence = tuple(_marks(root, tree, profiles)) or (_any_board(profiles, arch, features),)
    profile = next(profile for profile in profiles if profile.name == evidence[0].profile)
    return Detected(profile, evidence, tuple(_notes(profile, tree, features)))


def read_cpu(root: Path = Path("/")) -> tuple[str, frozenset[CpuFeature]]:
    """Return the architecture and the features of the processor, by `/proc/cpuinfo` below a root folder.

    Raises:
        InputError: It is a 32-bit system, or of an architecture that onnxruntime has no wheel for.
    """
    path = root / "proc/cpuinfo"
    text = files.read_bytes(path, max_bytes=_MAX_CPUINFO_BYTES).decode(errors="replace")
    match = _CPU_WORDS.search(text)
    words = match[1].split() if match else []
    arch = next((arch for word, arch in _ARCHITECTURES.items() if word in words), None)
    if arch is None or _is_32_bit(root):
        raise InputError(
            f"{path}: expected a 64-bit aarch64 or x86_64 system, got a 32-bit one or another architecture",
            hint="onnxruntime has no wheel for it: install the 64-bit system of the board",
        )
    return arch, frozenset(_FEATURES[word] for word in words if word in _FEATURES)


def _is_32_bit(root: Path) -> bool:
    """Tell whether programs are 32-bit ones: 32-bit Raspberry Pi OS has a 64-bit kernel, whose cpuinfo misleads."""
    return (root / "lib/ld-linux-armhf.so.3").exists() and not (root / "lib/ld-linux-aarch64.so.1").exists()


def _marks(root: Path, tree: Path, profiles: Sequence[DeviceProfile]) -> Iterator[Evidence]:
    model = _text(tree / "model")
    owners: dict[str, str] = {}
    for profile in profiles:
        marks = profile.detection
        owners.update(dict.fromkeys((*marks.device_tree, *marks.jetson_modules), profile.name))
    for profile in reversed(profiles):
        for part in profile.detection.model_contains:
            if part in model:
                yield Evidence(str((tree / "model").relative_to(root)), part, profile.name)
    for name in _IDS:
        for mark in _tree_marks(tree / name):
            if mark in owners:
                yield Evidence(str((tree / name).relative_to(root)), mark, owners[mark])


def _tree_marks(path: Path) -> Iterator[str]:
    """Yield each word of a property and the module ids in it; in JetPack 4 the ids are the names in a folder."""
    words = sorted(entry.name for entry in path.iterdir()) if path.is_dir() else _text(path).split()
    for word in words:
        yield word
        yield from (f"p{board}-{sku}{mode}" for board, sku, mode in _MODULE_ID.findall(word))


def _any_board(profiles: Sequence[DeviceProfile], arch: str, features: frozenset[CpuFeature]) -> Evidence:
    of_arch = [profile for profile in reversed(profiles) if profile.detection.any_board and profile.cpu.arch == arch]
    fitting = [profile for profile in of_arch if profile.cpu.features <= features]
    if not fitting:
        least = min((sorted(profile.cpu.features) for profile in of_arch), key=len, default=[])
        raise InputError(
            f"proc/cpuinfo: expected {arch} with {', '.join(least)}, got {', '.join(sorted(features)) or 'none'}",
            hint="name the board with --profile",
        )
    best = max(fitting, key=lambda profile: len(profile.cpu.features))
    return Evidence("proc/cpuinfo", f"{arch} with {', '.join(sorted(best.cpu.features))}", best.name)


def _notes(profile: DeviceProfile, tree: Path, features: frozenset[CpuFeature]) -> Iterator[str]:
    model = _text(tree / "model").strip()
    if profile.detection.any_board and model:
        yield f"no profile names '{model}': docs/how_to/own_board.md tells how to add it"
    elif profile.detection.any_board and profile.cpu.arch == "aarch64":
        yield "there is no device tree to tell the board by, as in most containers: name it with --profile"
    missing = profile.cpu.features - features
    if missing:
        yield f"the profile says {' and '.join(sorted(missing))}, which proc/cpuinfo does not list"


def _text(path: Path) -> str:
    """Return a device tree property as text, its strings parted by spaces; empty where there is none."""
    try:
        return files.read_bytes(path, max_bytes=_MAX_TREE_BYTES).decode(errors="replace").replace("\0", " ")
    except InputError:
        return ""
