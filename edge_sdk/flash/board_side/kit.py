"""The kit's record, as the board reads it: `kit.json`, of which `edge_sdk/flash/kit.py` says more."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from edge_sdk.flash.board_side.failure import StepError

SCHEMA = 1
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_NOT_OF_THE_WORK = ("made_unix_s", "secrets")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class KitFile:
    """A file of the kit: its name with `/` between the parts, its SHA-256, its size."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Kit:
    """What the kit is, and for which board; the digest names it: equal kits are equal work."""

    digest: str
    device: str
    hostname: str
    profile: str
    arch: str
    python: str
    glibc: str
    package: str
    keeps: tuple[str, ...]
    made_unix_s: int
    needs_bytes: int
    files: tuple[KitFile, ...]


def read_kit(folder: Path) -> Kit:
    """Read the record; the files are not looked at.

    Raises:
        StepError: There is no kit, or it is of a newer edge-sdk.
    """
    path = folder / "kit.json"
    try:
        document = json.loads(path.read_bytes())
        if document["schema"] != SCHEMA:
            raise StepError(f"{path}: expected schema {SCHEMA}, got {document['schema']!r:.20}", is_final=True)
        fields = {name: document[name] for name in Kit.__slots__ if name not in {"digest", "keeps", "files"}}
        files = tuple(KitFile(file["name"], file["sha256"], file["size_bytes"]) for file in document["files"])
        return Kit(digest=_digest(document), keeps=tuple(document["keeps"]), files=files, **fields)
    except OSError as exc:
        raise StepError(f"{path}: expected the record of a kit, got {exc.strerror}") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise StepError(f"{path}: expected the record of a kit, got {exc!r:.100}", is_final=True) from exc


def check_files(folder: Path, kit: Kit) -> None:
    """Compare every file with its digest.

    Raises:
        StepError: One is missing, or is not what the record says.
    """
    for file in kit.files:
        if not all(_PART.fullmatch(part) for part in file.name.split("/")):
            raise StepError(f"kit.json: expected names of files below the kit, got {file.name!r:.100}", is_final=True)
        try:
            got = sha256_of_file(folder / file.name)
        except OSError as exc:
            raise StepError(f"{file.name}: expected a file of the kit, got {exc.strerror}", is_final=True) from exc
        if got != file.sha256:
            raise StepError(f"{file.name}: expected SHA-256 {file.sha256[:12]}, got {got[:12]}", is_final=True)


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file, read in chunks.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _digest(document: dict[str, object]) -> str:
    work = {key: value for key, value in document.items() if key not in _NOT_OF_THE_WORK}
    return hashlib.sha256(json.dumps(work, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
