"""The kit: one folder with everything that makes a board run its model, and the record that says what is in it.

- `kit.json` is written last and names every file with its digest, so a kit that was cut off is no kit.
- Names are never trusted: parts of letters, digits, `.`, `_` and `-`, no two that a card's file system takes for one,
  sizes bounded; nothing is used before its digest was compared.
- Secrets are not among the files, since they vanish on the board: only their names stand in the record.
- `edge_sdk/flash/first_boot.py` reads the same record on the board, with Python's standard library alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.files import is_safe_name, sha256_hex, sha256_of_file
from edge_sdk.flash.system import check_system, require

KIT_NAME = "kit.json"
STATUS_NAME = "status.json"
RECOVER_NAME = "recover"
CLAIM_NAME = "claim.json"
WIFI_NAME = "wifi.json"
SECRET_NAMES = (CLAIM_NAME, WIFI_NAME)
WHEELS_FOLDER = "wheels"
SCHEMA = 1
MAX_KIT_BYTES = 1 << 20
"""No kit.json is larger."""
MAX_FILES = 1024
MAX_FILE_BYTES = (1 << 32) - 1
"""What a FAT file system holds in one file."""

_OWN_NAMES = frozenset({KIT_NAME, STATUS_NAME, RECOVER_NAME, *SECRET_NAMES})
_NOT_OF_THE_WORK = ("made_unix_s", "secrets")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HOSTNAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class KitFile:
    """A file of a kit.

    Attributes:
        name: Where it lies in the kit, `/` between.
        sha256: Its digest, in lower-case hexadecimal.
        size_bytes: Its size.
    """

    name: str
    sha256: str
    size_bytes: int

    def __post_init__(self) -> None:
        """Check that the name stays in the kit, and that the file can be one.

        Raises:
            InputError: It does not, or cannot.
        """
        is_safe = all(is_safe_name(part) and not part.endswith(".") for part in self.name.split("/"))
        require(is_safe and len(self.name) <= 200, "name", "names of letters, digits, '.', '_', '-'", self.name)
        require(self.name.lower() not in _OWN_NAMES, "name", "none that the kit uses itself", self.name)
        require(_SHA256.fullmatch(self.sha256), f"{self.name}: sha256", "64 hexadecimal digits", self.sha256)
        require(0 <= self.size_bytes <= MAX_FILE_BYTES, f"{self.name}: size_bytes", "0 to 4 GiB", self.size_bytes)

    @classmethod
    def of(cls, name: str, content: bytes | Path) -> KitFile:
        """Describe the contents that a file has, or is to have.

        Raises:
            InputError: The name is no name for a file of a kit, or the file cannot be read.
        """
        if isinstance(content, bytes):
            return cls(name, sha256_hex(content), len(content))
        return cls(name, sha256_of_file(content), content.stat().st_size)


@dataclass(frozen=True, slots=True)
class Kit:
    """What is in a kit, and for which board: `kit.json`.

    Attributes:
        device: The board's name in its fleet.
        hostname: The name that the system gets; empty leaves the one it has.
        profile: Name of the profile that the kit was made for.
        arch: The instruction set of the board's system.
        python: The minor version that the board's `python3` must have, such as `3.13`.
        glibc: The oldest C library that will do, such as `2.28`.
        package: File name of the model package.
        package_sha256: Its digest.
        model_sha256: Digest of the ONNX model in it that this board must load.
        keeps: Distributions of the board that are kept: its environment then sees the system's packages.
        made_unix_s: When the kit was made; no board's clock is right that shows less.
        needs_bytes: What installing takes on the board's root file system.
        files: Every file but `kit.json` and the secrets.
        secrets: Names of the secrets that came with it.
        schema: The version of this document.
    """

    device: str
    hostname: str
    profile: str
    arch: str
    python: str
    glibc: str
    package: str
    package_sha256: str
    model_sha256: str
    keeps: tuple[str, ...]
    made_unix_s: int
    needs_bytes: int
    files: tuple[KitFile, ...]
    secrets: tuple[str, ...] = ()
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        """Check what one field alone cannot say.

        Raises:
            InputError: The record contradicts itself, or is of a newer schema.
        """
        require(self.schema == SCHEMA, "schema", str(SCHEMA), self.schema)
        require(is_safe_name(self.device), "device", "a name of letters, digits, '.', '_', '-'", self.device)
        require(is_safe_name(self.profile), "profile", "the name of a profile", self.profile)
        is_host = not self.hostname or _HOSTNAME.fullmatch(self.hostname)
        require(is_host, "hostname", "letters, digits and '-', at most 63", self.hostname)
        check_system(self.python, self.arch, self.glibc)
        require(_SHA256.fullmatch(self.model_sha256), "model_sha256", "64 hexadecimal digits", self.model_sha256)
        require(self.made_unix_s >= 0, "made_unix_s", "0 or more", self.made_unix_s)
        require(self.needs_bytes >= 0, "needs_bytes", "0 or more", self.needs_bytes)
        require(set(self.secrets) <= set(SECRET_NAMES), "secrets", " or ".join(SECRET_NAMES), self.secrets)
        require(len(self.files) <= MAX_FILES, "files", f"at most {MAX_FILES}", len(self.files))
        _check_names([file.name for file in self.files])
        has_package = any((file.name, file.sha256) == (self.package, self.package_sha256) for file in self.files)
        require(has_package, "package", "a file of the kit with package_sha256", self.package)

    @property
    def digest(self) -> str:
        """What names the kit: equal kits are equal work, whenever they were made and whatever secrets they carry.

        SHA-256 of `kit.json` without `made_unix_s` and `secrets`, as JSON with sorted keys, no spaces, and ASCII only.
        """
        data = {key: value for key, value in records.to_data(self).items() if key not in _NOT_OF_THE_WORK}
        return sha256_hex(json.dumps(data, sort_keys=True, separators=(",", ":")).encode())

    @property
    def size_bytes(self) -> int:
        """What its files take together."""
        return sum(file.size_bytes for file in self.files)

    def to_json(self) -> bytes:
        """Return `kit.json`; the same record gives the same bytes."""
        return records.to_json(self).encode()


@dataclass(frozen=True, slots=True)
class Parcel:
    """A kit before it is anywhere: the record and where each of its files comes from.

    Attributes:
        kit: The record.
        contents: The bytes of each file of `kit.files`, or the file to copy, by its name in the kit.
        secrets: The bytes of each secret, by name.
    """

    kit: Kit
    contents: Mapping[str, Path | bytes]
    secrets: Mapping[str, bytes]

    def __post_init__(self) -> None:
        """Check that nothing is missing or left over.

        Raises:
            InputError: Something is.
        """
        wanted, got = {file.name for file in self.kit.files}, set(self.contents)
        require(wanted == got, "contents", "those of the kit", ", ".join(sorted(wanted ^ got)))
        require(set(self.kit.secrets) == set(self.secrets), "secrets", "those of the kit", ", ".join(self.secrets))

    @property
    def size_bytes(self) -> int:
        """What all of it takes where it is written."""
        secrets = sum(len(data) for data in self.secrets.values())
        return self.kit.size_bytes + secrets + len(self.kit.to_json())


def decode_kit(data: bytes, *, where: str) -> Kit:
    """Read `kit.json`.

    Raises:
        InputError: It is none, is of a newer schema, or holds names that no kit may hold.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise InputError(f"{where}: expected JSON, got {exc}") from exc
    return records.read(Kit, document, where=where)


def _check_names(names: list[str]) -> None:
    """Refuse names that lead to one file where `A` and `a` are one letter, and a name that is also a folder."""
    folded = [name.lower() for name in names]
    folders = {name[:at] for name in folded for at, letter in enumerate(name) if letter == "/"}
    twice = sorted({name for name in folded if folded.count(name) > 1 or name in folders})
    require(not twice, "files", "each name once", ", ".join(twice))
