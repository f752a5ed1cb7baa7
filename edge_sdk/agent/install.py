"""Makes the agent a service of this board: its user, its folder, its settings, the model it comes with, its unit."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from edge_sdk import files
from edge_sdk.agent.config import CONFIG_NAME, AgentConfig, read_config
from edge_sdk.agent.slots import Slots
from edge_sdk.agent.unit import UNIT_PATH, UnitOptions, unit
from edge_sdk.errors import InputError, UnavailableError

_SHARE = 0.6
"""Of the board's memory, for agent and worker together."""
_COMMAND_S = 60.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be installed.

    Attributes:
        options: What the unit says; groups that are not on this board are left out.
        sources: Written into new settings; settings that are there stay.
        package: A package that the board comes with, and goes back to when nothing else is left; None for none.
        unit_path: Where the unit goes.
    """

    options: UnitOptions
    sources: tuple[str, ...] = ()
    package: Path | None = None
    unit_path: Path = UNIT_PATH


@dataclass(frozen=True, slots=True)
class Plan:
    """What installing does, in this order.

    Attributes:
        commands: Programs that are run, before and after the files are written.
        files: Files that are written.
        unit: The unit.
    """

    commands: tuple[tuple[str, ...], ...]
    files: tuple[str, ...]
    unit: str


def plan(wanted: Wanted) -> Plan:
    """Return what installing would do.

    Raises:
        InputError: There are no settings and no source to begin with, or those that are there are wrong.
    """
    options = _on_this_board(wanted.options)
    config_path = options.folder / CONFIG_NAME
    if config_path.exists():
        read_config(options.folder)
    elif not wanted.sources:
        hint = "edge-sdk agent install --source camera:0"
        raise InputError(f"{config_path}: expected settings, or a source to begin with, got neither", hint=hint)
    else:
        AgentConfig(sources=wanted.sources)
    home = str(options.folder)
    useradd = ("useradd", "--system", "--home-dir", home, "--shell", "/usr/sbin/nologin", options.user)
    written = [] if config_path.exists() else [str(config_path)]
    written += [str(options.folder / "factory")] if wanted.package else []
    commands: list[tuple[str, ...]] = [] if _has_user(options.user) else [useradd]
    commands += [
        ("chown", "-R", f"{options.user}:", home),
        ("systemctl", "daemon-reload"),
        ("systemctl", "enable", "--now", wanted.unit_path.name),
    ]
    return Plan(tuple(commands), (*written, str(wanted.unit_path)), unit(options))


def install(wanted: Wanted, planned: Plan) -> None:
    """Do what was planned.

    Raises:
        InputError: The package cannot be read.
        UnavailableError: The disk cannot be written, or a program fails.
    """
    options = wanted.options
    before = [command for command in planned.commands if command[0] == "useradd"]
    for command in before:
        _run(command)
    try:
        options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise files.unwritable(options.folder, exc) from exc
    if not (options.folder / CONFIG_NAME).exists():
        files.write_bytes(options.folder / CONFIG_NAME, _settings(wanted.sources))
    if wanted.package is not None:
        Slots(options.folder).install(wanted.package, title=wanted.package.stem)
    files.write_bytes(wanted.unit_path, planned.unit.encode())
    for command in planned.commands[len(before) :]:
        _run(command)


def _on_this_board(options: UnitOptions) -> UnitOptions:
    there = {group.gr_name for group in grp.getgrall()}
    memory_mb = options.memory_mb or round(_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e6)
    return replace(options, groups=tuple(group for group in options.groups if group in there), memory_mb=memory_mb)


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _settings(sources: tuple[str, ...]) -> bytes:
    listed = ", ".join('"' + source.replace("\\", "\\\\").replace('"', '\\"') + '"' for source in sources)
    return f"# What this board does: docs/how_to/agent.md\nsources = [{listed}]\n".encode()


def _run(command: tuple[str, ...]) -> None:
    program = shutil.which(command[0])
    if program is None:
        raise UnavailableError(f"{command[0]}: expected the program, got none", hint="is this a system with systemd?")
    try:
        done = subprocess.run(  # noqa: S603  programs of the plan, which was shown
            [program, *command[1:]], capture_output=True, text=True, timeout=_COMMAND_S, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise UnavailableError(f"{' '.join(command)}: expected its end within {_COMMAND_S:.0f} s, got none") from exc
    if done.returncode:
        raise UnavailableError(f"{' '.join(command)}: expected success, got {done.stderr.strip()[-200:]}")
