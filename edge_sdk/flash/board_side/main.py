"""`first_boot.pyz --kit DIR`: makes this board what its kit says; if it is that already, it ends at once.

- Returns 0 when all is done, or when trying again changes nothing; 1 when it is to be tried again.
- One of them works at a time. Programs that it started hold its lock too, so that none of them outlives it unnoticed.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge_sdk.flash.board_side import clock, durable, environment, request
from edge_sdk.flash.board_side import secrets_taken as secrets
from edge_sdk.flash.board_side.claim import read_claim
from edge_sdk.flash.board_side.commands import run
from edge_sdk.flash.board_side.failure import StepError
from edge_sdk.flash.board_side.kit import Kit, read_kit, sha256_of_file
from edge_sdk.flash.board_side.places import Places
from edge_sdk.flash.board_side.status import Sayer, Status, read_status

PROGRAM, UNIT = "first_boot.pyz", "edge-sdk-first-boot.service"
_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
_LOCK_S = 60.0
_ONCE_S = 60.0
_FOR_EVER_S = float("inf")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    options = _parse(arguments)
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}"  # sudo and ssh leave some of it out
    places = Places(options.root, options.kit.absolute())
    if options.root == Path("/") and os.geteuid():
        sys.stderr.write("error: first boot: expected to be run as root, got another user\n")
        return 5
    try:
        kit = read_kit(places.kit)
        _hand_over(places, kit)
        with _alone(places):
            return _work(places, kit, options)
    except StepError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 0 if exc.is_final else 1
    except OSError as exc:
        sys.stderr.write(f"error: {exc.filename}: expected it to be read and written, got {exc.strerror}\n")
        return 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Make this board what its kit says.")
    parser.add_argument("--kit", type=Path, default=Path("/opt/edge-sdk/kit"), help="the kit's folder")
    parser.add_argument("--root", type=Path, default=Path("/"), help="a folder that stands for the board, for tests")
    parser.add_argument("--recover", action="store_true", help="back to the kit's model, whatever state it is in")
    parser.add_argument("--once", action="store_true", help=f"wait for the fleet for {_ONCE_S:g} s only")
    parser.add_argument("--settle-s", type=float, default=5.0, help="how long the agent must stay up to be believed")
    return parser.parse_args(arguments)


def _work(places: Places, kit: Kit, options: argparse.Namespace) -> int:
    is_recovery = options.recover or request.is_asked(places)
    clock.raise_to(places, kit.made_unix_s)
    before = read_status(places.boot)
    if before.kit == kit.digest and before.is_done and not is_recovery and _is_there(places, kit):
        return _finish(places, kit, options)
    # what is needed where something is to be done: a slow board that has nothing to do is done within a second
    from edge_sdk.flash.board_side.steps import Work, perform
    from edge_sdk.flash.board_side.telling import Telling

    unwiped = secrets.take(places)
    steps = before.steps if before.kit == kit.digest else {}
    telling = Telling(read_claim(places.boot / secrets.CLAIM))
    sayer = Sayer(places, Status(kit.digest, steps=dict(steps), made_unix_s=kit.made_unix_s), telling)
    patience_s = _ONCE_S if options.once else _FOR_EVER_S
    work = Work(places, kit, sayer, is_recovery, patience_s, options.settle_s, notes=unwiped)
    try:
        perform(work)
    except StepError as exc:
        return 0 if exc.is_final else 1
    finally:
        telling.close()
    return _finish(places, kit, options)


def _finish(places: Places, kit: Kit, options: argparse.Namespace) -> int:
    """Do what nobody waits for; a person who has started this would."""
    if not options.once:
        environment.compile_quietly(environment.folder_of(places, kit))
    return 0


def _is_there(places: Places, kit: Kit) -> bool:
    """Tell whether what was done is still there, and no secret has come since."""
    return environment.led_to(places.current) == environment.folder_of(places, kit) and not secrets.are_new(places)


def _hand_over(places: Places, kit: Kit) -> None:
    """Become the kit's own program, where that is another one: the kit may be newer than what runs at each boot."""
    mine = Path(sys.argv[0])
    wanted = next((file.sha256 for file in kit.files if file.name == PROGRAM), "")
    fresh = places.kit / PROGRAM
    if not mine.is_file() or wanted in {"", sha256_of_file(mine)} or sha256_of_file(fresh) != wanted:
        return
    durable.write(places.boot / PROGRAM, fresh.read_bytes())
    os.execv(sys.executable, [sys.executable, str(places.boot / PROGRAM), *sys.argv[1:]])  # noqa: S606  digest compared


@contextmanager
def _alone(places: Places) -> Iterator[None]:
    """Be the only one that works here: one that systemd runs gives way to one that a person has started."""
    durable.make_folder(places.boot)
    handle = os.open(places.boot / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.set_inheritable(handle, True)
        _lock(handle)
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    until_s, is_first = time.monotonic() + _LOCK_S, True
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if is_first and "INVOCATION_ID" not in os.environ:  # systemd.exec(5)
                run("systemctl", "stop", UNIT)
            is_first = False
        else:
            return
        if time.monotonic() > until_s:
            raise StepError("first boot: expected no other one at work, got one")
        time.sleep(0.2)
