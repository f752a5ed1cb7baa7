"""One board, from its target to its proof and its label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_sdk.cli import output
from edge_sdk.cli.flash.card import flash_card
from edge_sdk.cli.flash.making import Making
from edge_sdk.cli.flash.over_ssh import flash_over_ssh
from edge_sdk.cli.flash.wishes import Wishes

if TYPE_CHECKING:
    from edge_sdk.flash import Kit
    from edge_sdk.flash.batch import State
    from edge_sdk.flash.labels import Label


@dataclass(frozen=True, slots=True)
class Flashed:
    """What has become of a board.

    Attributes:
        device: Its name.
        target: Where its kit went.
        state: `flashed`, or `proven` where that was waited for.
        kit: Digest of its kit.
        model_sha256: Digest of the model that it proves itself with.
        labels: Files that were written for its label.
    """

    device: str
    target: str
    state: State
    kit: str
    model_sha256: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Labelling:
    """Where labels go, and what their codes say."""

    folder: Path
    text: str

    def check(self) -> None:
        """Check, before anything is flashed, that labels can be made.

        Raises:
            InputError: The text names something else than a label has, or segno is not installed.
        """
        from edge_sdk.extras import require
        from edge_sdk.flash.labels import check_template

        check_template(self.text)
        require("segno", extra="flash", where="--labels")

    def write(self, labels: list[Label]) -> tuple[str, ...]:
        """Write them, and return the files.

        Raises:
            InputError: A text is too long.
            UnavailableError: The folder cannot be written.
        """
        from edge_sdk.flash.labels import write_labels

        return tuple(map(str, write_labels(self.folder, labels, self.text)))


def flash_one(target: str, wishes: Wishes, making: Making, labelling: Labelling | None) -> None:
    """Flash a board, and tell what has become of it.

    Raises:
        EdgeError: As for `make_one`.
    """
    if labelling is not None:
        labelling.check()
    kit = make_one(target, wishes, making)
    if kit is None:
        return
    written = labelling.write([label_of(kit, wishes)]) if labelling else ()
    state: State = "flashed" if making.manner.wait_s is None else "proven"
    record = Flashed(kit.device, target, state, kit.digest, kit.model_sha256, written)
    output.emit(record, _lines(record), as_json=making.manner.as_json)


def make_one(target: str, wishes: Wishes, making: Making) -> Kit | None:
    """Flash a board and wait for its proof, if that is asked for; None if only the plan was.

    Raises:
        InputError: Something given is wrong; nothing was changed.
        TrustError: An image, a package or what was read back is not what it should be.
        UnavailableError: Something is not there, or the board did not come up in time.
        GateError: The board came up and did not prove itself.
    """
    from edge_sdk.cli.flash.watch import Watching
    from edge_sdk.flash.target import find_target

    wishes.check()
    found = find_target(target, making.image)
    watching = Watching.prepare(found, wishes.membership, making.manner.wait_s)
    kit = flash_over_ssh(found, wishes, making) if found.kind == "ssh" else flash_card(found, wishes, making)
    if kit is not None and watching is not None:
        watching.wait(kit)
    return kit


def label_of(kit: Kit, wishes: Wishes) -> Label:
    """Return the label of a board.

    Raises:
        InputError: Its claim cannot be read any more.
    """
    from edge_sdk.flash.labels import Label
    from edge_sdk.profiles import load_profile

    fleet = wishes.membership.check(kit.device) if wishes.membership else ""
    title = load_profile(wishes.profile or kit.profile).title
    return Label(kit.device, fleet, kit.hostname, title, Path(kit.package).stem)


def _lines(record: Flashed) -> Iterator[str]:
    said = "has proven itself" if record.state == "proven" else "is flashed: --wait would have waited for its proof"
    yield f"{record.device}: {record.target} {said}"
    yield f"model    {record.model_sha256[:12]}"
    for name in record.labels:
        yield f"label    {name}"
