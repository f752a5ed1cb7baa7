"""What is released, and who is to have it: the targets of a repository."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeVar, cast

from tuf.api.metadata import TargetFile, Targets

from edge_sdk import files, records
from edge_sdk.errors import InputError
from edge_sdk.files import is_safe_name
from edge_sdk.fleet.repository.repository import Repository
from edge_sdk.package import ModelPackage, open_package
from edge_sdk.package.slim import write_slim
from edge_sdk.profiles import Family
from edge_sdk.wire import decode, encode
from edge_sdk.wire.blocks import BLOCK_BYTES
from edge_sdk.wire.release import Assignment, Gates, PackageTarget, Release, stored_as

To = Literal["devices", "groups"]
DocumentT = TypeVar("DocumentT", Assignment, Release)
_HASHES = ["sha256"]
_MAX_DOCUMENT_BYTES = 1 << 16
_DIGITS = 64
_KEPT_ASSIGNMENTS = 2


@dataclass(frozen=True, slots=True)
class Released:
    """A release that was made.

    Attributes:
        release: What it is.
        is_public: Whether it is public; otherwise it waits for signatures of targets.
    """

    release: Release
    is_public: bool


def add_release(repository: Repository, package: Path, *, gates: Gates | None = None) -> Released:
    """Release a package: one slim package for each family in it, and the document that names them.

    Args:
        repository: Where to.
        package: The `.edge` file.
        gates: What it must show on a board before it is kept there.

    Raises:
        InputError: The file is no package, or this version is released already.
        TrustError: The package is not what its manifest says.
        UnavailableError: The disk is full or cannot be written.
    """
    opened = open_package(package)
    targets = repository.targets("targets")
    manifest = opened.manifest
    name = f"releases/{manifest.name}-{manifest.version}.json"
    if name in targets.targets:
        raise InputError(
            f"{package}: expected a new version of {manifest.name}, got {manifest.version}, which is released",
            hint="quantize again with a higher --version",
        )
    families = cast("list[Family]", sorted(manifest.variants))
    packages = {family: _add_package(repository, targets, opened, family) for family in families}
    release = Release(manifest.name, manifest.version, packages, gates or Gates())
    _add_document(repository, targets, name, encode(release))
    return Released(release, repository.put("targets", targets))


def assign(repository: Repository, to: To, name: str, release: str) -> Assignment:
    """Assign a release to a device or a group; an empty release takes away what was assigned.

    Args:
        repository: Where.
        to: Whether it is a device or a group.
        name: Of the device or group.
        release: NAME-VERSION, which must be public.

    Raises:
        InputError: There is no such release, the name is none, or the director's key is not at hand.
        UnavailableError: The disk is full or cannot be written.
    """
    if not is_safe_name(name):
        raise InputError(f"{to}: expected letters, digits, '.', '_', '-', got {name[:80]!r}")
    known = [title for title, _ in _released(repository)]
    if release and release not in known:
        near = records.near_match(release, known)
        raise InputError(f"release: expected one that is signed and public, got {release[:80]!r}{near}")
    targets = repository.targets("director")
    assignment = Assignment(targets.version + 1, release)
    _add_document(repository, targets, f"director/{to}/{name}.json", encode(assignment))
    if not repository.put("director", targets):
        raise InputError("director: expected its key at hand, got none", hint="assign where the online keys are")
    _forget_older(repository.folder / "targets" / "director" / to, name)
    return assignment


def assignments(repository: Repository) -> dict[tuple[To, str], Assignment]:
    """Return who is to have what.

    Raises:
        InputError: A document cannot be read.
    """
    found: dict[tuple[To, str], Assignment] = {}
    for target in repository.targets("director").targets.values():
        _, to, file = target.path.split("/")
        found[cast("To", to), file.removesuffix(".json")] = _document(repository, target, Assignment)
    return found


def releases(repository: Repository) -> list[Release]:
    """Return what is released, by name and version.

    Raises:
        InputError: A document cannot be read.
    """
    found = [_document(repository, target, Release) for _, target in _released(repository)]
    return sorted(found, key=lambda release: (release.name, release.version))


def _forget_older(folder: Path, name: str) -> None:
    """Remove what was assigned to somebody earlier; the last two stay, for boards that are reading just now."""
    copies = [path for path in folder.glob(f"*.{name}.json") if len(path.name) == _DIGITS + len(f".{name}.json")]
    for path in sorted(copies, key=lambda path: path.stat().st_mtime_ns)[:-_KEPT_ASSIGNMENTS]:
        path.unlink(missing_ok=True)


def _released(repository: Repository) -> Iterator[tuple[str, TargetFile]]:
    for name, target in repository.targets("targets").targets.items():
        folder, _, file = name.partition("/")
        if folder == "releases" and repository.is_released(name):
            yield file.removesuffix(".json"), target


def _document(repository: Repository, target: TargetFile, record: type[DocumentT]) -> DocumentT:
    path = repository.folder / stored_as(target.path, target.hashes["sha256"])
    return decode(record, files.read_bytes(path, max_bytes=_MAX_DOCUMENT_BYTES), where=target.path)


def _add_package(repository: Repository, targets: Targets, package: ModelPackage, family: Family) -> PackageTarget:
    name = f"packages/{package.manifest.name}-{package.manifest.version}.{family}.edge"
    made = repository.folder / "targets" / f"{name}.new"
    write_slim(package, family, made)
    target = TargetFile.from_file(name, str(made), _HASHES)
    blocks = _digests_of_blocks(made)
    files.move(made, repository.folder / stored_as(name, target.hashes["sha256"]))
    targets.targets[name] = target
    of_blocks = _add_document(repository, targets, f"{name.removesuffix('.edge')}.blocks", blocks)
    return PackageTarget(name, target.hashes["sha256"], target.length, of_blocks.path, of_blocks.hashes["sha256"])


def _add_document(repository: Repository, targets: Targets, name: str, data: bytes) -> TargetFile:
    target = TargetFile.from_data(name, data, _HASHES)
    files.write_bytes(repository.folder / stored_as(name, target.hashes["sha256"]), data)
    targets.targets[name] = target
    return target


def _digests_of_blocks(path: Path) -> bytes:
    """Return the SHA-256 of each block of a file, one after the other."""
    digests = []
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digests.append(sha256(block).digest())
    return b"".join(digests)
