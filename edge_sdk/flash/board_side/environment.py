"""The environment of a kit: Python with the kit's wheels, in a folder of its own.

- It is made in its last place, since its programs know their path; a mark in it, written last, says that it is whole.
- What has no mark is removed and made anew; `current` never leads to it.
- Nothing is fetched: pip runs out of its own wheel, and compares every wheel with its digest.
"""

from __future__ import annotations

import errno
from pathlib import Path

from edge_sdk.flash.board_side import durable
from edge_sdk.flash.board_side.checks import check_room
from edge_sdk.flash.board_side.commands import Finished, run
from edge_sdk.flash.board_side.failure import StepError
from edge_sdk.flash.board_side.kit import Kit
from edge_sdk.flash.board_side.places import Places

_WHOLE, _PROVEN, _COMPILED = ".whole", ".proven", ".compiled"
_NAME_DIGITS = 16
_PIP_S, _VERSION_S, _SYNC_S = 3600.0, 600.0, 1800.0  # a Raspberry Pi Zero with a slow card


def folder_of(places: Places, kit: Kit) -> Path:
    """Return where the environment of a kit is, or is to be."""
    return places.environments / kit.digest[:_NAME_DIGITS]


def is_whole(environment: Path) -> bool:
    """Tell whether an environment was made to its end."""
    return (environment / _WHOLE).is_file()


def is_proven(environment: Path) -> bool:
    """Tell whether the board has worked with it."""
    return is_whole(environment) and (environment / _PROVEN).is_file()


def led_to(link: Path) -> Path | None:
    """Return the environment that a link leads to; None if it leads to none that is whole."""
    try:
        target = link.parent / link.readlink()
    except OSError:
        return None
    return target if is_whole(target) else None


def make(places: Places, kit: Kit, *, is_recovery: bool = False) -> None:
    """Make the environment of a kit, unless it is there; for a recovery it must answer too.

    Raises:
        StepError: There is too little room, or pip fails; what was there before still is.
        OSError: The disk cannot be written.
    """
    environment = folder_of(places, kit)
    if is_whole(environment) and (not is_recovery or _version(environment).is_good):
        return
    remove_others(places, {led_to(places.current), led_to(places.previous)} - {environment})
    check_room(places, kit)
    try:
        _fill(places, kit, environment)
    except (StepError, OSError) as exc:
        is_full = isinstance(exc, OSError) and exc.errno in {errno.ENOSPC, errno.EDQUOT}
        if environment.exists():
            durable.remove_folder(environment)  # its room belongs to what is in use
        raise StepError(f"disk: expected room for {environment}, got a full disk") if is_full else exc from exc
    _sync(environment)
    durable.write(environment / _WHOLE, b"")


def prove(environment: Path) -> None:
    """Mark an environment as one that the board has worked with.

    Raises:
        OSError: The disk cannot be written.
    """
    if not is_proven(environment):
        durable.write(environment / _PROVEN, b"")


def compile_quietly(environment: Path) -> None:
    """Compile what was installed, once, behind all else that the board does: the agent, another user, cannot keep it.

    Raises:
        OSError: The disk cannot be written.
    """
    if not (environment / _COMPILED).exists():
        run(
            "nice",
            "-n",
            "19",
            environment / "bin/python",
            "-m",
            "compileall",
            "-q",
            environment / "lib",
            timeout_s=_PIP_S,
        )
        durable.write(environment / _COMPILED, b"")


def use(places: Places, environment: Path) -> None:
    """Let `current` lead to an environment; `previous` then leads to the proven one before it.

    Raises:
        OSError: The disk cannot be written.
    """
    before = led_to(places.current)
    if before is not None and before != environment and is_proven(before):
        durable.link(places.previous, before)
    durable.link(places.current, environment)


def remove_others(places: Places, kept: set[Path | None]) -> None:
    """Remove all environments but some, and what an earlier removal left.

    Raises:
        OSError: One cannot be removed.
    """
    durable.make_folder(places.environments)
    for environment in sorted(places.environments.iterdir()):
        if environment not in kept:
            durable.remove_folder(environment)


def _sync(environment: Path) -> None:
    """Have all of its file system on the disk, before the mark that vouches for it."""
    synced = run("sync", "--file-system", environment, timeout_s=_SYNC_S)
    if not synced.is_good:
        raise StepError(f"disk: expected what was installed to be written, got {synced.reason}")


def _version(environment: Path) -> Finished:
    return run(environment / "bin/edge-sdk", "--version", timeout_s=_VERSION_S)


def _fill(places: Places, kit: Kit, environment: Path) -> None:
    import venv

    venv.EnvBuilder(system_site_packages=bool(kit.keeps), symlinks=True, with_pip=False).create(environment)
    wheels = places.kit / "wheels"
    pip = next(iter(sorted(wheels.glob("pip-*.whl"))), None)
    if pip is None:
        raise StepError("wheels: expected pip's among them, got none", is_final=True)
    quiet = ("--disable-pip-version-check", "--no-input", "--no-cache-dir", "--quiet", "--no-warn-script-location")
    apart = ("--no-index", "--find-links", wheels, "--no-deps", "--require-hashes", "--no-compile")
    installed = run(
        *(environment / "bin/python", "-m", "pip", "install", *quiet, *apart),
        *("-r", places.kit / "requirements.txt"),
        timeout_s=_PIP_S,
        environment={"PYTHONPATH": str(pip), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(environment)},
    )
    if not installed.is_good:
        raise StepError(f"pip: expected the kit's wheels to be installed, got {installed.reason}")
    version = _version(environment)
    if not version.is_good:
        raise StepError(f"edge-sdk --version: expected a version, got {version.reason}")
