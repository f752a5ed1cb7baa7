"""Puts a board whose state is lost or damaged back to the model that it came with.

- What it goes back to proves itself first, as when it was installed; until then nothing changes.
- What cannot be read is moved aside and never deleted: `state.db.lost-1` stands beside its place.
- Who the board is stays, if that is whole. What is known of trust stays with the state, so that nobody can bring back
  what was valid once; what was refused or rolled back stays so too.
- Every step can be cut off, and all of it done again; between two steps an agent that starts finds a board that works.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge_sdk import files
from edge_sdk.agent import systemctl
from edge_sdk.agent.certificate import Key, belongs
from edge_sdk.agent.config import read_config
from edge_sdk.agent.factory import Proven, forget_update, prove
from edge_sdk.agent.hands import Proves
from edge_sdk.agent.home import read_home
from edge_sdk.agent.kept import Kept
from edge_sdk.agent.life import read_update
from edge_sdk.agent.skills import WISHES
from edge_sdk.agent.slots import Slots
from edge_sdk.agent.standing import lock
from edge_sdk.agent.state import State
from edge_sdk.agent.unit import UNIT_PATH
from edge_sdk.agent.update import UpdateState
from edge_sdk.errors import InputError

_DATABASES = ("state.db", "outbox.db")
_JOURNALS = ("", "-wal", "-shm")
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be recovered.

    Attributes:
        folder: The device's folder.
        package: A package that the board is to come with from now on; None for the one that it came with.
        unit_path: Where the unit of its service is, if it has one.
    """

    folder: Path
    package: Path | None = None
    unit_path: Path = UNIT_PATH


@dataclass(frozen=True, slots=True)
class Recovery:
    """What recovering does, or has done.

    Attributes:
        folder: The device's folder.
        device: Who the board is; empty if it is no member of a fleet, or not known any more.
        package: The package that it goes back to.
        service: The unit that is stopped and started; empty if the board has none.
        does: What is done, a line each in this order; empty if all is as it is to be.
    """

    folder: str
    device: str
    package: str
    service: str
    does: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    says: str
    act: Callable[[], None]


def plan(wanted: Wanted) -> Recovery:
    """Return what recovering would do; nothing changes.

    Raises:
        InputError: There are no settings that can be read, or no package to go back to.
        UnavailableError: The disk cannot be read.
    """
    package = _package(wanted)
    return _recovery(wanted, package, [step.says for step in _steps(wanted, files.sha256_of_file(package), None)])


def recover(wanted: Wanted, *, run: Proves | None = None) -> Recovery:
    """Put the board back; return what was done.

    Args:
        wanted: What is to be recovered.
        run: What runs the golden samples; None is a child of this process.

    Raises:
        GateError: The package does not give its golden outputs here; nothing has changed.
        InputError: There are no settings that can be read, or no package to go back to; nothing has changed.
        TrustError: The package is not what its manifest says; nothing has changed.
        UnavailableError: An agent that is no service runs there, a program fails, or the disk cannot be written.
    """
    package = _package(wanted)
    proven = prove(package, read_config(wanted.folder).profile, run=run)
    service, done = _service(wanted), list[str]()
    if any(_steps(wanted, proven.sha256, proven)):
        stop = [("systemctl", "stop", service)] if service and systemctl.is_working(service) else []
        with systemctl.started_again(stop, service):
            done += _perform(wanted, proven)
    _give_to_owner(wanted.folder)  # also what an earlier try left that was cut off, which may have stopped the service
    if service:
        systemctl.run(("systemctl", "start", service))
    return _recovery(wanted, package, done)


def _perform(wanted: Wanted, proven: Proven) -> list[str]:
    held, done = lock(wanted.folder), list[str]()
    try:
        for step in _steps(wanted, proven.sha256, proven):
            step.act()
            done.append(step.says)
    finally:
        os.close(held)
    return done


def _recovery(wanted: Wanted, package: Path, does: list[str]) -> Recovery:
    home = None if _identity_fault(wanted.folder) else read_home(wanted.folder)
    return Recovery(str(wanted.folder), home.device if home else "", str(package), _service(wanted), tuple(does))


def _package(wanted: Wanted) -> Path:
    """Return what the board goes back to."""
    read_config(wanted.folder)
    if wanted.package is not None:
        return wanted.package
    slots = Slots(wanted.folder)
    sha256 = slots.digest("factory")
    damage = slots.damage(sha256) if sha256 else f"{slots.folder / 'factory'}: expected a link to a release, got none"
    if damage:
        raise InputError(damage, hint="edge-sdk agent recover --package NAME-VERSION.edge")
    return slots.package(sha256)


def _service(wanted: Wanted) -> str:
    """Return the unit that runs an agent in this folder; empty for none."""
    try:
        text = wanted.unit_path.read_text()
    except OSError:
        return ""
    return wanted.unit_path.name if f"--state {wanted.folder}\n" in text else ""


def _steps(wanted: Wanted, sha256: str, proven: Proven | None) -> Iterator[_Step]:
    """Yield what is still to be done; each is looked for when those before it are done."""
    folder, slots = wanted.folder, Slots(wanted.folder)
    for name in _DATABASES:
        yield from _database(folder / name)
    if (folder / "state.db").exists() and not _database_fault(folder / "state.db"):
        yield from _state(folder / "state.db")
    fault = _identity_fault(folder)
    if fault:
        yield _Step(f"identity: moved aside: {fault}", lambda: _move_aside(folder / "identity"))
    if any(slots.digest(name) != sha256 for name in ("current", "factory")) or slots.digest("previous"):
        release = proven.release if proven else slots.kept(sha256).release or sha256[:12]
        yield _Step(f"current, factory: lead to {release}, nothing else", lambda: _go_back(slots, proven))
    elif not slots.kept(sha256).proven_sha256:
        yield _Step("golden outputs: kept as given here", lambda: _go_back(slots, proven))


def _database(path: Path) -> Iterator[_Step]:
    fault = _database_fault(path)
    if fault:
        yield _Step(f"{path.name}: moved aside: {fault}", lambda: _move_database_aside(path))


def _state(path: Path) -> Iterator[_Step]:
    with State(path) as state:
        update, wishes = read_update(state), state.read(WISHES)
    if update != UpdateState(rejected=update.rejected):
        yield _Step(f"update: forgotten, it was {update.stage}", lambda: _forget(path))
    elif wishes is not None:
        yield _Step("wishes: neither paused nor slowed down", lambda: _forget(path))


def _forget(path: Path) -> None:
    with State(path) as state:
        forget_update(state)
        state.write({WISHES: None})


def _go_back(slots: Slots, proven: Proven | None) -> None:
    assert proven is not None  # noqa: S101  it was proven before the first step
    if proven.path != slots.package(proven.sha256):
        slots.take(proven.path)
    slots.reset(proven.sha256, Kept(proven.release, proven.proof.model_sha256))


def _database_fault(path: Path) -> str:
    """Return why a database cannot be read; empty if it can, or is not there at all."""
    if not path.exists():
        return "its journal is there without it" if any(one.exists() for one in _parts(path)) else ""
    try:
        database = sqlite3.connect(path, timeout=10.0)
        try:
            found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            database.execute("SELECT name FROM sqlite_schema").fetchall()
        finally:
            database.close()
    except sqlite3.OperationalError as exc:
        return str(exc) if path.is_dir() else ""  # locked or a full disk: no damage
    except sqlite3.DatabaseError as exc:
        return str(exc)
    return "" if found == "ok" else str(found)


def _identity_fault(folder: Path) -> str:
    """Return what is wrong with who the board is; empty if it is whole, or no member of a fleet."""
    link = folder / "identity"
    if not link.is_symlink() and not link.exists():
        return ""
    try:
        home = read_home(folder)
        if home is None:
            return f"{link}: expected a member's home, got none"
        names = ("certificate.pem", "key.pem", "ca.pem")
        certificate, key, ca = (files.read_bytes(link / name, max_bytes=_MAX_BYTES) for name in names)
        is_whole = ca == home.ca.encode() and belongs(certificate, Key(key), ca_pem=ca, device=home.device)
    except InputError as exc:
        return str(exc)
    return "" if is_whole else f"{link}: expected key, certificate and authority of one device, got others"


def _parts(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in _JOURNALS]


def _move_database_aside(path: Path) -> None:
    for part in _parts(path):
        if part.exists():
            _move_aside(part)


def _move_aside(path: Path) -> None:
    """Give a file, link or folder another name, beside the others that were moved aside."""
    number = 1
    while (aside := path.with_name(f"{path.name}.lost-{number}")).exists() or aside.is_symlink():
        number += 1
    files.move(path, aside)


def _give_to_owner(folder: Path) -> None:
    """Let who owns the folder have what root has written."""
    owner = folder.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        for path in folder.rglob("*"):
            with suppress(FileNotFoundError):  # an agent may be at work
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
