"""What all boards of a command have in common, and what is made of it for one: kit, plan, question, claim."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edge_sdk import files
from edge_sdk.cli import output
from edge_sdk.cli.flash.wishes import Wishes
from edge_sdk.errors import InputError

if TYPE_CHECKING:
    from edge_sdk.flash import BoardSystem, Parcel
    from edge_sdk.flash.advance import Advance
    from edge_sdk.flash.plan import Board, Plan
    from edge_sdk.flash.ready import Ears
    from edge_sdk.package import ModelPackage
    from edge_sdk.profiles import DeviceProfile

_STAGES = {"unpack": "unpacking", "write": "writing", "verify": "reading back"}


@dataclass(frozen=True, slots=True)
class Manner:
    """How a command goes about it.

    Attributes:
        is_dry: Whether only the plan is shown.
        is_agreed: Whether nobody is asked.
        as_json: Whether records are printed as JSON.
        wait_s: How long to wait for the proof; None does not wait.
    """

    is_dry: bool = False
    is_agreed: bool = False
    as_json: bool = False
    wait_s: float | None = None

    def ask(self, plan: Plan) -> bool:
        """Show a plan, and return whether it is to be done: once, before anything is changed.

        Raises:
            InputError: The answer is no.
        """
        if self.is_dry:
            output.emit(plan, plan.lines(), as_json=self.as_json)
            return False
        for line in plan.lines():
            output.note(line)
        self.agree()
        return True

    def agree(self) -> None:
        """Ask whether to go on.

        Raises:
            InputError: The answer is no.
        """
        if not self.is_agreed and not typer.confirm("go on?", err=True):
            raise InputError("asked: expected yes, got no", hint="nothing was changed")


@dataclass(frozen=True, slots=True)
class Making:
    """How boards are made.

    Attributes:
        package: The package that they come with.
        manner: How the command goes about it.
        image: The system that is written first; None for none.
        sha256: What its SHA-256 must be; empty for anything.
        wheels: A folder of wheels to take; None asks the index.
        board_python: The boards' Python, where it cannot be seen; empty takes what the profile says.
    """

    package: ModelPackage
    manner: Manner
    image: Path | None = None
    sha256: str = ""
    wheels: Path | None = None
    board_python: str = ""

    def cache(self, name: str) -> Path:
        """Return where something is kept for the next time."""
        return files.cache_folder(name, os.environ, Path.home())

    def parcel(self, wishes: Wishes, profile: DeviceProfile, board: BoardSystem) -> Parcel:
        """Return the kit for a board, without its claim.

        Raises:
            InputError: The package has no variant for the board, a setting is wrong, or there are no such wheels.
            TrustError: The package is not what its manifest says.
            UnavailableError: The index cannot be reached, or the disk is full.
        """
        from edge_sdk.flash.pack import Order, pack
        from edge_sdk.flash.settings import OWN_PROFILE
        from edge_sdk.flash.wheels import collect

        package, own_profile = self.package, wishes.own_profile()
        order = Order(
            package=package,
            profile=profile,
            device=wishes.device,
            hostname=wishes.network_name,
            settings=wishes.agent_toml(package.manifest, OWN_PROFILE if own_profile else profile.name),
            board=board,
            login=wishes.login.encode() if wishes.login else None,
            wifi=wishes.wifi.encode() if wishes.wifi else None,
            own_profile=own_profile,
        )
        wheels = collect(board, self.cache("wheels"), from_folder=self.wheels, tell=output.note)
        return pack(order, wheels, time.time())

    def claimed(self, parcel: Parcel, wishes: Wishes) -> Parcel:
        """Return a kit with a claim, where the board becomes a member of a fleet; it is made now.

        Raises:
            InputError: The claim is none, or of another device.
            UnavailableError: The fleet's folder cannot be written.
        """
        from edge_sdk.flash.kit import CLAIM_NAME, Parcel

        if wishes.membership is None:
            return parcel
        secrets = {**parcel.secrets, CLAIM_NAME: wishes.membership.claim(wishes.device)}
        return Parcel(replace(parcel.kit, secrets=tuple(sorted(secrets))), parcel.contents, secrets)

    def board(self, wishes: Wishes, profile: DeviceProfile) -> Board:
        """Return what a plan says of the board.

        Raises:
            InputError: There is no such fleet, the claim is not for this board, or the package is not.
        """
        from edge_sdk.flash.plan import Board
        from edge_sdk.flash.settings import sources_for

        manifest = self.package.manifest
        sources = (str(wishes.settings),) if wishes.settings else sources_for(manifest, wishes.sources)
        fleet = wishes.membership.check(wishes.device) if wishes.membership else ""
        family = manifest.family_for(profile)
        return Board(wishes.device, wishes.network_name, fleet, profile.name, family, sources)


@contextmanager
def ears() -> Iterator[Ears]:
    """Tell on the terminal how it goes."""
    from edge_sdk.flash.ready import Ears

    with output.transfers() as show:

        def advances(advance: Advance) -> None:
            show(_STAGES[advance.stage], advance.done_bytes, advance.size_bytes)

        yield Ears(output.note, advances)


def told_package(package: Path | None) -> ModelPackage:
    """Return the package that was named, opened once for all boards.

    Raises:
        InputError: None was, or it is none.
        TrustError: It is not what its manifest says.
    """
    from edge_sdk.package import open_package

    if package is None:
        raise InputError(
            "NAME.edge: expected a package, got none", hint="edge-sdk flash TARGET parts-1.edge --device-id press-4 …"
        )
    return open_package(package)
