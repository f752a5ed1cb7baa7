"""What the command line says of the boards to be flashed, checked before anything is prepared."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edge_sdk import files
from edge_sdk.cli.flash.claim import Membership
from edge_sdk.cli.fleet.options import read_passphrase
from edge_sdk.errors import InputError

if TYPE_CHECKING:
    from edge_sdk.flash.access import Login, Wifi
    from edge_sdk.flash.batch import Row
    from edge_sdk.package import Manifest

_MAX_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Network:
    """The options of a Wi-Fi: its name, the file with its passphrase, the country, whether it is hidden."""

    ssid: str | None = None
    password_file: Path | None = None
    country: str | None = None
    hidden: bool = False

    def wifi(self) -> Wifi | None:
        """Return the network to join; its passphrase is asked for on a terminal where no file has it.

        Raises:
            InputError: A value is none, or something is told without its network.
        """
        from edge_sdk.flash.access import Wifi

        if self.ssid is None:
            if self.password_file or self.country or self.hidden:
                raise InputError("--wifi: expected the network's name, got none", hint="--wifi NAME --wifi-country DE")
            return None
        if self.password_file is None:
            passphrase = str(typer.prompt(f"passphrase of {self.ssid}", hide_input=True, err=True, default=""))
        else:
            passphrase = read_passphrase(self.password_file)
        return Wifi.join(self.ssid, passphrase, self.country or "", hidden=self.hidden)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to become of a board.

    Attributes:
        device: Its name.
        profile: Its kind of board; empty finds out, over SSH only.
        membership: The fleet that it is to belong to; None for none.
        hostname: Its name in the network; empty takes one like the device's.
        sources: Where its samples come from.
        settings: Its `agent.toml`; None writes one from `sources`.
        wifi: The network that it joins; None leaves that.
        login: Who may log in; None leaves that.
        may_rename: Whether a board over SSH that has another name takes this one.
    """

    device: str
    profile: str = ""
    membership: Membership | None = None
    hostname: str = ""
    sources: tuple[str, ...] = ()
    settings: Path | None = None
    wifi: Wifi | None = None
    login: Login | None = None
    may_rename: bool = False

    def check(self) -> None:
        """Check the names.

        Raises:
            InputError: One is none.
        """
        from edge_sdk.flash.access import check_hostname

        if not files.is_safe_name(self.device):
            raise InputError(
                f"--device-id: expected letters, digits, '.', '_', '-', got {self.device[:80]!r}",
                hint="--device-id press-4",
            )
        if self.hostname:
            check_hostname(self.hostname)

    @property
    def network_name(self) -> str:
        """Its name in the network."""
        from edge_sdk.flash.access import hostname_of

        return self.hostname or hostname_of(self.device)

    def of(self, row: Row) -> Wishes:
        """Return what a row of a batch makes of them."""
        membership = self.membership
        if membership is not None:
            membership = replace(membership, groups=(*membership.groups, *row.groups))
        return replace(
            self,
            device=row.device,
            profile=row.profile or self.profile,
            hostname=row.hostname,
            membership=membership,
        )

    def own_profile(self) -> bytes | None:
        """Return the file of a profile of the user's own; None for one that comes with edge-sdk.

        Raises:
            InputError: It cannot be read.
        """
        path = Path(self.profile)
        if path.suffix != ".toml" and len(path.parts) < 2:
            return None
        return files.read_bytes(path, max_bytes=_MAX_BYTES)

    def agent_toml(self, manifest: Manifest, profile: str) -> bytes:
        """Return its settings.

        Args:
            manifest: Of the package that it comes with.
            profile: What names its profile on the board.

        Raises:
            InputError: The file with them has mistakes, or there is no source.
        """
        from edge_sdk import records
        from edge_sdk.agent.config import AgentConfig, settings
        from edge_sdk.flash.settings import sources_for

        if self.settings is None:
            return settings(sources_for(manifest, self.sources), profile)
        document = files.read_bytes(self.settings, max_bytes=_MAX_BYTES)
        config = records.read_toml(AgentConfig, document, where=str(self.settings))
        if config.profile not in ("", profile):
            raise InputError(f"{self.settings}: profile: expected {profile}, got {config.profile}")
        return document


def read_login(user: str | None, key: Path | None) -> Login | None:
    """Return who may log in; None for nobody new.

    Raises:
        InputError: One is given without the other, or a key is none.
    """
    from edge_sdk.flash.access import Login

    if user is None and key is None:
        return None
    if user is None or key is None:
        raise InputError(
            "--user, --ssh-key: expected both, got one", hint="--user edge --ssh-key ~/.ssh/id_ed25519.pub"
        )
    return Login.read(user, files.read_bytes(key.expanduser(), max_bytes=_MAX_BYTES).decode(errors="replace"))


def told_membership(
    fleet: Path | None, groups: Sequence[str], hours: float, *, is_standalone: bool
) -> Membership | None:
    """Return the fleet that boards are to belong to; None for those that stand alone.

    Raises:
        InputError: Neither is said, or both are.
    """
    if is_standalone:
        if fleet is not None and str(fleet) != os.environ.get("EDGE_SDK_FLEET"):
            raise InputError("--fleet, --standalone: expected one of them, got both")
        return None
    if fleet is None:
        raise InputError(
            "--fleet: expected a fleet's folder or a claim, got nothing", hint="--standalone for a board of no fleet"
        )
    return Membership(fleet, tuple(groups), hours)
