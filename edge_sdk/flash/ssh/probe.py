"""What a board is: asked over its connection, told as one record; nothing on it is changed.

- The marks of a board are brought as bytes, and judged here by `edge_sdk.profiles`, as the board would do it itself.
- What the board says is read as any message: whatever does not fit is told, and nothing of it is believed unread.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from edge_sdk import files, records
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.flash.kit import Kit, decode_kit
from edge_sdk.flash.ssh.connection import Connection, Limits
from edge_sdk.flash.ssh.errand import run_errand
from edge_sdk.profiles import Detected, detect_profile

Rights = Literal["root", "sudo", "password", "none"]
_LOOK = Limits(seconds=240.0, max_bytes=4 << 20)
_MAX_MARKS = 32
_FOLDER = re.compile(r"(/[A-Za-z0-9._-]+)+")
_TEGRA = re.compile(r"# R(\d+) \(release\), REVISION: ([\d.]+)")


@dataclass(frozen=True, slots=True)
class OnnxRuntime:
    """A build of onnxruntime that the system's Python sees.

    Attributes:
        name: Of its distribution, such as `onnxruntime-gpu`.
        version: Its version.
        where: The folder that it is in.
    """

    name: str
    version: str
    where: str


@dataclass(frozen=True, slots=True)
class Installed:
    """What of edge-sdk is on the board.

    Attributes:
        device: The name that it has, by its agent or else by its kit; empty for none.
        kit_digest: What names its kit; empty for none, or one that was cut off.
        kit_device: The name that its kit gives it.
        kit_folder: Where that kit is; over SSH always in /opt, from a card on its boot partition.
        step: How far the kit's first boot came; empty for none.
        state: How that step stands.
        reason: Why it failed.
        agent: What `edge-sdk agent status --json` says; empty where there is no agent, or it does not say.
    """

    device: str = ""
    kit_digest: str = ""
    kit_device: str = ""
    kit_folder: str = ""
    step: str = ""
    state: str = ""
    reason: str = ""
    agent: str = ""

    @property
    def member(self) -> str:
        """The name under which its agent is a member of a fleet; empty if it is none."""
        return str(self.standing.get("device", ""))

    @property
    def fleet(self) -> str:
        """That fleet; empty if it is of none, or its agent does not say."""
        return str(self.standing.get("fleet", ""))

    @property
    def standing(self) -> Mapping[str, Any]:
        """What its agent says of itself, as it came; empty if it says nothing."""
        return _table(self.agent)


@dataclass(frozen=True, slots=True)
class Probe:
    """What a board is.

    Attributes:
        os_id: `ID` of its system, such as `debian`.
        os_name: The system's own name for itself.
        machine: Its processor, as the kernel calls it.
        bits: Of its programs: 64 or 32.
        python: Version of its `/usr/bin/python3`.
        has_venv: Whether that can make environments.
        glibc: Version of its C library; empty where it is not glibc.
        has_systemd: Whether systemd runs it.
        user: Who is logged in.
        rights: How that user becomes root: is it, by sudo without a password, by sudo with one, or not.
        sudo_said: Why not.
        free_opt_bytes: Room for programs.
        free_var_bytes: Room for models and results.
        clock_ahead_s: By how much its clock is ahead of this computer's.
        profile: Name of the profile that its marks point to; empty if none fits.
        is_specific: Whether that profile is of this kind of board, not of any with such a processor.
        marks: By what it was told, a sentence each.
        why_no_profile: Why none fits.
        jetpack: Its release of JetPack or of Linux for Tegra; empty on other boards.
        onnxruntime: Builds of onnxruntime that the system's Python sees.
        providers: Those of the build that it imports.
        onnxruntime_error: Why it cannot be imported.
        of_user: Builds that only this user's Python sees, which no service does.
        installed: What of edge-sdk is there.
    """

    os_id: str
    os_name: str
    machine: str
    bits: int
    python: str
    has_venv: bool
    glibc: str
    has_systemd: bool
    user: str
    rights: Rights
    sudo_said: str
    free_opt_bytes: int
    free_var_bytes: int
    clock_ahead_s: float
    profile: str
    is_specific: bool
    marks: tuple[str, ...]
    why_no_profile: str
    jetpack: str
    onnxruntime: tuple[OnnxRuntime, ...] = ()
    providers: tuple[str, ...] = ()
    onnxruntime_error: str = ""
    of_user: tuple[OnnxRuntime, ...] = ()
    installed: Installed = Installed()

    @property
    def python_minor(self) -> str:
        """Version of Python without its last number, such as `3.11`."""
        return ".".join(self.python.split(".")[:2])

    @property
    def needs_sudo(self) -> bool:
        """Whether what is done as root is done by sudo."""
        return self.rights == "sudo"


def probe(board: Connection, profiles: Path | None = None) -> Probe:
    """Ask a board what it is.

    Args:
        board: Where.
        profiles: Folder of the user's own profiles.

    Raises:
        InputError: A profile has a mistake.
        UnavailableError: The connection broke, or the board does not answer as it should.
    """
    before_s = time.time()
    told = run_errand(board, "look", {}, limits=_LOOK)
    middle_s = (before_s + time.time()) / 2
    try:
        return read_probe(told, middle_s, profiles)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise UnavailableError(f"{board.address}: expected the facts of a board, got {exc!r} in them") from exc


def read_probe(told: Mapping[str, Any], now_unix_s: float, profiles: Path | None = None) -> Probe:
    """Read what a board told.

    Args:
        told: The answer of `on_board/look.py`.
        now_unix_s: This computer's time, when the board told its own.
        profiles: Folder of the user's own profiles.

    Raises:
        InputError: A field has another type than it should, or a profile has a mistake.
        KeyError: A field is missing.
    """
    detected, why = _detected(told["marks"], profiles)
    system, builds = told["system"], told["onnxruntime"]
    seen, every = _builds(builds["system"]), _builds(builds["all"])
    imported = builds["imported"] or ["", []]
    fields = {
        "os_id": str(system.get("ID", "")),
        "os_name": str(system.get("PRETTY_NAME", "")) or "an unknown system",
        "clock_ahead_s": round(float(told["now_unix_s"]) - now_unix_s, 1),
        "profile": detected.profile.name if detected else "",
        "is_specific": detected is not None and not detected.profile.detection.any_board,
        "marks": [f"{found.file} says {found.mark}" for found in detected.evidence] if detected else [],
        "why_no_profile": why,
        "jetpack": _jetpack(told["nvidia"]),
        "onnxruntime": records.to_data(seen),
        "providers": imported[1],
        "onnxruntime_error": builds["error"],
        "of_user": records.to_data([build for build in every if build not in seen]),
        "installed": records.to_data(_installed(told["installed"])),
    }
    return records.read(Probe, {**told, **fields}, where="the board", unknown="ignore")


def _detected(marks: Mapping[str, Any], profiles: Path | None) -> tuple[Detected | None, str]:
    """Judge a board's marks in a folder that stands for it; a mistake in a profile is told before that."""
    with tempfile.TemporaryDirectory(prefix="edge-sdk-") as name:
        root = Path(name)
        for path, content in list(marks.items())[:_MAX_MARKS]:
            _lay(root, path, content)
        try:
            return detect_profile(root, profiles), ""
        except InputError as exc:
            return None, str(exc).replace(f"{root}/", "/")


def _lay(root: Path, name: str, content: object) -> None:
    """Write a mark: bytes in base64, or a folder with names in it; nothing leaves the folder."""
    parts = PurePosixPath(name).parts
    if not parts or not all(re.fullmatch(r"[\w,.-]+", part) and part not in {".", ".."} for part in parts):
        raise ValueError(f"a mark at {name!r}")
    path = root.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, list):
        path.mkdir()
        for entry in content:
            if files.is_safe_name(str(entry)):
                (path / str(entry)).touch()
        return
    try:
        path.write_bytes(base64.b64decode(str(content), validate=True))
    except binascii.Error as exc:
        raise ValueError(f"a mark that is no base64: {name!r}") from exc


def _builds(found: Any) -> tuple[OnnxRuntime, ...]:
    builds = [OnnxRuntime(str(name), str(version), str(where)) for name, version, where in found]
    return tuple(dict.fromkeys(builds))


def _jetpack(told: Mapping[str, Any]) -> str:
    tegra = _TEGRA.match(str(told["release"]))
    l4t = f"L4T {tegra[1]}.{tegra[2]}" if tegra else f"L4T {told['l4t']}" if told["l4t"] else ""
    return f"JetPack {told['jetpack']}, {l4t}" if told["jetpack"] else l4t


def read_installed(board: Connection) -> Installed:
    """Ask a board what of edge-sdk is there, and nothing else.

    Raises:
        UnavailableError: The connection broke, or the board does not answer as it should.
    """
    told = run_errand(board, "look", {"only": "installed"}, limits=_LOOK)
    try:
        return _installed(told)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise UnavailableError(f"{board.address}: expected what is installed, got {exc!r} in it") from exc


def _installed(told: Mapping[str, Any]) -> Installed:
    status, agent = (_table(str(told[name])) for name in ("status", "agent"))
    kit = _kit(str(told["kit"]))
    return Installed(
        device=str(agent.get("device") or (kit.device if kit else "")),
        kit_digest=kit.digest if kit else "",
        kit_device=kit.device if kit else "",
        kit_folder=_folder(str(told["folder"])) if kit else "",
        step=str(status.get("step", "")),
        state=str(status.get("state", "")),
        reason=str(status.get("reason", "")),
        agent=str(told["agent"]),
    )


def _folder(text: str) -> str:
    """Return the path of a folder that may stand on a command line; the board has told it."""
    if not _FOLDER.fullmatch(text):
        raise ValueError(f"a folder {text[:80]!r}")
    return text


def _kit(text: str) -> Kit | None:
    """Return the record of the board's kit; one that is damaged, or of a newer edge-sdk, is replaced as a whole."""
    try:
        return decode_kit(text.encode(), where="kit.json") if text else None
    except InputError:
        return None


def _table(text: str) -> Mapping[str, Any]:
    """Return a document that the board keeps; one that is damaged tells nothing."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
