"""Makes the agent a service of this board: its user, its folder, its settings, the model it comes with, its unit.

A package proves itself before anything is changed; a service that runs is stopped for the exchange alone, and started.
"""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass, replace
from pathlib import Path

from edge_sdk import files
from edge_sdk.agent import systemctl
from edge_sdk.agent.config import CONFIG_NAME, AgentConfig, read_config, settings
from edge_sdk.agent.factory import Proven, prove, take_in
from edge_sdk.agent.standing import lock
from edge_sdk.agent.unit import UNIT_PATH, UnitOptions, unit
from edge_sdk.errors import InputError

_SHARE = 0.6
"""Of the board's memory, for agent and worker together."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be installed.

    Attributes:
        options: What the unit says; groups that are not on this board are left out.
        sources: Written into new settings; settings that are there stay.
        package: A package that the board comes with, and goes back to when nothing else is left; None for none, or to
            leave the one that it has.
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
        proves: The package that is run on its golden samples first; empty for none.
        before: Programs that are run before the files are written.
        files: Files that are written.
        after: Programs that are run then.
        unit: The unit.
    """

    proves: str
    before: tuple[tuple[str, ...], ...]
    files: tuple[str, ...]
    after: tuple[tuple[str, ...], ...]
    unit: str


@dataclass(frozen=True, slots=True)
class Installed:
    """What was done.

    Attributes:
        unit: Where the unit is.
        program: What it starts.
        release: NAME-VERSION of the package that the board comes with from now on; empty if none was given.
        package_sha256: Its digest.
        model_sha256: Digest of its model, which gave its golden outputs here.
        is_in_use: Whether it is in use; it is not where the board got a newer one since.
    """

    unit: str
    program: str
    release: str = ""
    package_sha256: str = ""
    model_sha256: str = ""
    is_in_use: bool = False


def plan(wanted: Wanted) -> Plan:
    """Return what installing would do.

    Raises:
        InputError: There are no settings and no source to begin with, those that are there are wrong, or the program is
            none that can be started.
        UnavailableError: The state of the service cannot be read.
    """
    options, name = _on_this_board(wanted.options), wanted.unit_path.name
    if not options.command.is_absolute() or not os.access(options.command, os.X_OK):
        raise InputError(f"{options.command}: expected the absolute path of a program, got another or none there")
    _settings_of(wanted)
    config_path, home = options.folder / CONFIG_NAME, str(options.folder)
    written = [] if config_path.exists() else [str(config_path)]
    written += [str(options.folder / "factory")] if wanted.package else []
    useradd = ("useradd", "--system", "--home-dir", home, "--shell", "/usr/sbin/nologin", options.user)
    before: list[tuple[str, ...]] = [] if _has_user(options.user) else [useradd]
    before += [("systemctl", "stop", name)] if systemctl.is_working(name) else []
    after = (
        ("chown", "-R", f"{options.user}:", home),
        ("systemctl", "daemon-reload"),
        ("systemctl", "enable", "--now", name),
    )
    proves = str(wanted.package) if wanted.package else ""
    return Plan(proves, tuple(before), (*written, str(wanted.unit_path)), after, unit(options))


def install(wanted: Wanted, planned: Plan) -> Installed:
    """Do what was planned.

    Raises:
        GateError: The package does not give its golden outputs here; nothing has changed.
        InputError: The package cannot be read, or has nothing for this board; nothing has changed.
        TrustError: It is not what its manifest says; nothing has changed.
        UnavailableError: The disk cannot be written, a program fails, or an agent that is no service runs there.
    """
    options, proven = wanted.options, None
    if wanted.package is not None:
        proven = prove(wanted.package, _settings_of(wanted).profile)
    with systemctl.started_again(planned.before, wanted.unit_path.name):
        is_in_use = _write(wanted, planned, proven)
        for command in planned.after:
            systemctl.run(command)
    done = Installed(str(wanted.unit_path), str(options.command))
    if proven is None:
        return done
    return replace(
        done,
        release=proven.release,
        package_sha256=proven.sha256,
        model_sha256=proven.proof.model_sha256,
        is_in_use=is_in_use,
    )


def _write(wanted: Wanted, planned: Plan, proven: Proven | None) -> bool:
    folder = wanted.options.folder
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise files.unwritable(folder, exc) from exc
    held = lock(folder)
    try:
        if not (folder / CONFIG_NAME).exists():
            files.write_bytes(folder / CONFIG_NAME, settings(wanted.sources))
        is_in_use = proven is not None and take_in(folder, proven)
        files.write_bytes(wanted.unit_path, planned.unit.encode())
    finally:
        os.close(held)
    return is_in_use


def _settings_of(wanted: Wanted) -> AgentConfig:
    """Return the settings that are there, or those that it begins with."""
    path = wanted.options.folder / CONFIG_NAME
    if path.exists():
        return read_config(wanted.options.folder)
    if not wanted.sources:
        hint = "edge-sdk agent install --source camera:0"
        raise InputError(f"{path}: expected settings, or a source to begin with, got neither", hint=hint)
    return AgentConfig(sources=wanted.sources)


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
