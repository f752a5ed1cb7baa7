"""`--batch`: many boards, one after another; what has become of each is written down before the next."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edge_sdk.cli import output
from edge_sdk.cli.flash.making import Making, ears
from edge_sdk.cli.flash.one import Labelling, label_of, make_one
from edge_sdk.cli.flash.wishes import Wishes
from edge_sdk.errors import EdgeError, GateError, InputError

if TYPE_CHECKING:
    from edge_sdk.flash.batch import Result, Row, State
    from edge_sdk.flash.labels import Label

_DEVICES = "/dev/"


@dataclass(frozen=True, slots=True)
class Many:
    """A batch.

    Attributes:
        table: Its boards.
        target: The drive of rows without a target; empty for none.
        labelling: Where labels go; None for none.
    """

    table: Path
    target: str = ""
    labelling: Labelling | None = None


def flash_all(many: Many, wishes: Wishes, making: Making) -> None:
    """Flash the boards of a table that are not done; go on after one that fails.

    Raises:
        InputError: The table has mistakes, or a board is one that cannot be made; nothing was flashed.
        GateError: Boards have failed; the others are done.
    """
    from edge_sdk.flash.batch import Results, read_batch

    rows, results = read_batch(many.table, target=many.target), Results(many.table)
    if many.labelling is not None:
        many.labelling.check()
    wanted: State = "flashed" if making.manner.wait_s is None else "proven"
    todo = [row for row in rows if not results.is_done(row.device, wanted=wanted)]
    for row in todo:
        _check(row, wishes)
    output.note(f"{len(rows)} boards, {len(rows) - len(todo)} of them done before ({results.path})")
    done: list[Result] = []
    labels: list[Label] = []
    with _unpacked_once(making, len(todo)) as ready:
        for number, row in enumerate(todo, 1):
            target = row.target or many.target
            output.note(f"{number} of {len(todo)}: {row.device} on {target}")
            _await_card(row, target, making, is_first=number == 1)
            result, label = _make(row.device, target, wishes.of(row), ready)
            if result is not None:
                results.add(result)
                done.append(result)
            labels += [label] if label else []
    if many.labelling is not None and labels:
        many.labelling.write(labels)
    if not making.manner.is_dry:
        output.emit(done, _lines(done), as_json=making.manner.as_json)
    failed = [one for one in done if one.state == "failed"]
    if failed:
        raise GateError(
            f"{many.table}: expected {len(todo)} boards, {len(failed)} failed; the last: {failed[-1].reason}",
            hint="the same command again does those that are not done",
        )


@contextmanager
def _unpacked_once(making: Making, number: int) -> Iterator[Making]:
    """Have an image for several boards unpacked for all of them."""
    from edge_sdk.flash.ready import unpacked

    if making.image is None or number < 2:
        yield making
        return
    place = making.cache("images") / f"{os.getpid()}-{making.image.stem}"
    with ears() as told, unpacked(making.image, place, told, sha256=making.sha256) as image:
        yield replace(making, image=image, sha256="")


def _make(device: str, target: str, wishes: Wishes, making: Making) -> tuple[Result | None, Label | None]:
    """Return what has become of a board, and its label; neither if only the plan was asked for."""
    from edge_sdk.flash.batch import Result

    now_s = int(time.time())
    try:
        kit = make_one(target, wishes, making)
    except EdgeError as exc:
        output.note(f"error: {device}: {exc}")
        if exc.hint:
            output.note(f"hint: {exc.hint}")
        return Result(device, target, "failed", str(exc), "", now_s), None
    if kit is None:
        return None, None
    state: State = "flashed" if making.manner.wait_s is None else "proven"
    return Result(device, target, state, "", kit.digest, now_s), label_of(kit, wishes)


def _check(row: Row, wishes: Wishes) -> None:
    from edge_sdk.profiles import load_profile

    of_row = wishes.of(row)
    of_row.check()
    if of_row.membership is not None:
        of_row.membership.check(row.device)
    if of_row.profile:
        load_profile(of_row.profile)


def _await_card(row: Row, target: str, making: Making, *, is_first: bool) -> None:
    """Have the next card put in; whoever agreed to everything beforehand has another way to change cards."""
    if is_first or not target.startswith(_DEVICES) or making.manner.is_dry or making.manner.is_agreed:
        return
    if not typer.confirm(f"is the card for {row.device} in {target}?", err=True, default=True):
        raise InputError(f"{row.device}: expected its card, got none", hint="the same command again goes on with it")


def _lines(done: Sequence[Result]) -> Iterator[str]:
    yield from output.table(
        ("device", "target", "state", "reason"), ((one.device, one.target, one.state, one.reason) for one in done)
    )
