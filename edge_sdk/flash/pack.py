"""Puts a kit together: what somebody ordered for one board, and the wheels for it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from edge_sdk import files
from edge_sdk.errors import InputError
from edge_sdk.flash.board_program import PROGRAM_NAME, START_NAME, program, start_script
from edge_sdk.flash.kit import CLAIM_NAME, WHEELS_FOLDER, WIFI_NAME, Kit, KitFile, Parcel
from edge_sdk.flash.system import BoardSystem
from edge_sdk.flash.wheels import Wheels
from edge_sdk.package import ModelPackage
from edge_sdk.package.slim import write_slim
from edge_sdk.profiles import DeviceProfile

_SPARE_BYTES = 16 << 20
"""What the environment itself, the service and the first logs take on the board."""
_COPIES = 2
"""The package is copied into the agent's folder, and unpacked there."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted for one board.

    Attributes:
        package: The model package; the board gets the variant that its profile runs best, and no other.
        profile: What kind of board it is.
        device: Its name.
        settings: What it does, `agent.toml`.
        board: What its system installs.
        hostname: The name that its system gets; empty leaves the one it has.
        login: Who may log in, `login.json`.
        wifi: The network to join, `wifi.json`, a secret.
        claim: What makes it a member of its fleet once, `claim.json`, a secret.
        own_profile: The profile itself, where it is the user's own and does not come with edge-sdk.
    """

    package: ModelPackage
    profile: DeviceProfile
    device: str
    settings: bytes
    board: BoardSystem
    hostname: str = ""
    login: bytes | None = None
    wifi: bytes | None = None
    claim: bytes | None = None
    own_profile: bytes | None = None


def pack(order: Order, wheels: Wheels, now_s: float) -> Parcel:
    """Return the kit of an order, not yet anywhere.

    Args:
        order: What is wanted.
        wheels: What was collected for the order's board.
        now_s: The time, in seconds since 1970.

    Raises:
        InputError: The package has no variant for the board, a name is none, or the wheels are another board's.
        TrustError: The package is not the one that was opened.
    """
    if wheels.board != order.board:
        raise InputError(f"wheels: expected those for {order.board}, got those for {wheels.board}")
    manifest = order.package.manifest
    family = manifest.family_for(order.profile)
    name, package = f"{manifest.name}-{manifest.version}.edge", _slim(order)
    small = _present(
        {
            START_NAME: start_script(),
            PROGRAM_NAME: program(),
            "requirements.txt": wheels.requirements.encode(),
            "agent.toml": order.settings,
            name: package,
            "login.json": order.login,
            "profile.toml": order.own_profile,
        }
    )
    paths = {f"{WHEELS_FOLDER}/{wheel.path.name}": wheel for wheel in wheels.wheels}
    secrets = _present({CLAIM_NAME: order.claim, WIFI_NAME: order.wifi})
    kit = Kit(
        device=order.device,
        hostname=order.hostname,
        profile=order.profile.name,
        arch=order.board.arch,
        python=order.board.python,
        glibc=wheels.glibc,
        package=name,
        package_sha256=files.sha256_hex(package),
        model_sha256=manifest.variants[family].model.sha256,
        keeps=order.board.keeps,
        made_unix_s=int(now_s),
        needs_bytes=wheels.unpacked_bytes + _COPIES * len(package) + _SPARE_BYTES,
        files=(
            *(KitFile.of(name, data) for name, data in small.items()),
            *(KitFile(name, wheel.sha256, wheel.size_bytes) for name, wheel in paths.items()),
        ),
        secrets=tuple(secrets),
    )
    return Parcel(kit, {**small, **{name: wheel.path for name, wheel in paths.items()}}, secrets)


def _present(contents: dict[str, bytes | None]) -> dict[str, bytes]:
    return {name: data for name, data in contents.items() if data is not None}


def _slim(order: Order) -> bytes:
    """Return the part of the package that the board needs; the same package gives the same bytes."""
    with tempfile.TemporaryDirectory(prefix="edge-sdk-kit-") as temporary:
        path = Path(temporary) / "slim.edge"
        write_slim(order.package, order.package.manifest.family_for(order.profile), path)
        return path.read_bytes()
