"""The releases on the board's disk, and which of them is in use.

    releases/<sha256>/package.edge   a release: a real file, whose SHA-256 is the name of its folder
    releases/<sha256>/kept.json      it has been confirmed here, or came with the board: which release it is, and which
                                     model of it gave its golden outputs here
    current previous factory         links to folders of releases, exchanged by rename
    downloads/<sha256>.edge          a download that is done; <sha256>.part is what a fetch has so far

- A release is what its digest says, or nothing: a torn, zeroed or missing file is found by reading it, whatever the
  folder looks like.
- What appears is written beside its place, synced, and renamed; what goes is renamed away before it is removed. So each
  step can be cut short anywhere, and done again.
- Where links are lost, releases that were kept are found by their own mark.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_sdk import files
from edge_sdk.agent.kept import KEPT, Kept, read_kept
from edge_sdk.errors import InputError, TrustError, UnavailableError

Name = Literal["current", "previous", "factory"]
NAMES: tuple[Name, ...] = ("current", "previous", "factory")
_TARGET = re.compile(r"releases/([0-9a-f]{64})")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_GONE = ".gone-"
_DISK_BLOCK_BYTES = 512  # of st_blocks


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found at the start.

    Attributes:
        sha256: Digest of the release in use; empty if there is none that can be used.
        told: What was wrong with the releases and links before it, a line each.
    """

    sha256: str
    told: tuple[str, ...] = ()


class Slots:
    """The releases below a folder.

    Attributes:
        folder: The folder.
        downloads: Where fetches go.

    Example:
        >>> Slots(Path("/var/lib/edge-sdk")).recover().sha256  # doctest: +SKIP
        '9f86d081…'
    """

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made when something is written."""
        self.folder = folder
        self._releases = folder / "releases"
        self.downloads = folder / "downloads"

    def digest(self, name: Name) -> str:
        """Return the digest of the release that a link leads to; empty if it leads to none."""
        try:
            match = _TARGET.fullmatch(str((self.folder / name).readlink()))
        except OSError:
            return ""
        return match[1] if match else ""

    def package(self, sha256: str) -> Path:
        """Return the package of a release, by a path without links."""
        return self._releases / sha256 / "package.edge"

    def download(self, sha256: str) -> Path:
        """Return where a release is once it is fetched."""
        return self.downloads / f"{sha256}.edge"

    def fetched_bytes(self, sha256: str) -> int:
        """Return how much of a release is on the disk already, checked or not."""
        parts = (self.download(sha256), self.downloads / f"{sha256}.part")
        return max((part.stat().st_blocks * _DISK_BLOCK_BYTES for part in parts if part.exists()), default=0)

    def kept(self, sha256: str) -> Kept:
        """Return what is known of a release that was kept; nothing of any other."""
        return read_kept(self._releases / sha256)

    def damage(self, sha256: str) -> str:
        """Read a release; return what is wrong with it, empty if it is whole."""
        try:
            got = files.sha256_of_file(self.package(sha256))
        except InputError as exc:
            return str(exc)
        return "" if got == sha256 else f"{self.package(sha256)}: expected SHA-256 {sha256}, got {got}"

    def stage(self, sha256: str) -> None:
        """Make a download a release.

        Raises:
            TrustError: It is not the package with this digest.
            UnavailableError: The disk cannot be written.
        """
        if not self.damage(sha256):
            return
        part, package = self.download(sha256), self.package(sha256)
        try:
            got = files.sha256_of_file(part)
        except InputError as exc:
            raise TrustError(f"{part}: expected a download, got none that can be read") from exc
        if got != sha256:
            raise TrustError(f"{part}: expected SHA-256 {sha256}, got {got}")
        try:
            _make_folder(package.parent)
            _sync(part)
            part.replace(package)
            _sync(package.parent)
            _sync(self._releases)
        except OSError as exc:
            raise files.unwritable(package, exc) from exc

    def take(self, source: Path) -> str:
        """Copy a package here as a release that nothing leads to yet; return its digest.

        Raises:
            InputError: It cannot be read.
            UnavailableError: The disk is full or cannot be written.
        """
        sha256 = files.sha256_of_file(source)
        if not self.damage(sha256):
            return sha256
        try:
            _make_folder(self.downloads)
        except OSError as exc:
            raise files.unwritable(self.downloads, exc) from exc
        with source.open("rb") as package, files.write_atomic(self.download(sha256)) as part:
            shutil.copyfileobj(package, part)
        self.stage(sha256)
        return sha256

    def is_to_use(self, sha256: str, kept: Kept) -> bool:
        """Tell whether a release that the board is to come with is to be in use too.

        A newer version that the board got since stays, and so does what it uses where it came with this release before.
        """
        current, came_with = self.digest("current"), self.digest("factory")
        if not current or self.damage(current):
            return True
        if current == came_with:
            return sha256 != current
        return sha256 not in {current, came_with} and not self.kept(current).is_newer_than(kept)

    def install(self, sha256: str, kept: Kept) -> None:
        """Make a release the one that the board comes with, and goes back to when nothing else is left.

        Raises:
            UnavailableError: The disk is full or cannot be written; what is in use still is.
        """
        self._keep(sha256, kept)
        if self.is_to_use(sha256, kept):
            self._use(sha256)
        self._link("factory", sha256)

    def reset(self, sha256: str, kept: Kept) -> None:
        """Make a release the one that the board comes with and uses; nothing else is left to go back to.

        Raises:
            UnavailableError: The disk is full or cannot be written.
        """
        self._keep(sha256, kept)
        for name in ("factory", "current"):
            if self.digest(name) != sha256:
                self._link(name, sha256)
        try:
            _remove(self.folder / "previous")
            _sync(self.folder)
        except OSError as exc:
            raise files.unwritable(self.folder, exc) from exc

    def promote(self, sha256: str, kept: Kept) -> None:
        """Make a release `current`, and `previous` what was; it is marked as kept.

        Raises:
            TrustError: It is not whole; nothing has changed.
            UnavailableError: The disk is full or cannot be written; what is in use still is.
        """
        damage = self.damage(sha256)
        if damage:
            raise TrustError(damage)
        self._keep(sha256, kept)
        if self.digest("current") != sha256:
            self._use(sha256)

    def fallback(self, sha256: str) -> str:
        """Return what is in use without a release: `current` if that is another one, else the next that is whole.

        If there is no other one, it is the release itself.
        """
        current = self.digest("current")
        if current != sha256:
            return current
        return next((one for one in self._candidates() if one != sha256 and not self.damage(one)), sha256)

    def leave(self, sha256: str) -> None:
        """Let `current` lead to the fallback of a release.

        Raises:
            UnavailableError: The disk is full or cannot be written.
        """
        other = self.fallback(sha256)
        if other != self.digest("current"):
            self._link("current", other)

    def recover(self) -> Recovered:
        """Find a release that is whole, and let `current` lead to it; where the disk refuses, that is told."""
        told = []
        for sha256 in self._candidates():
            damage = self.damage(sha256)
            if damage:
                told.append(damage)
                continue
            if self.digest("current") != sha256:
                told += [f"{self.folder / 'current'}: expected a release that is whole, got back to {sha256}"]
                told += self._link_or_tell(sha256)
            return Recovered(sha256, tuple(told))
        return Recovered("", tuple(told))

    def collect(self, keep: Collection[str] = ()) -> None:
        """Remove releases and downloads that nothing leads to; nothing while no release in use is known.

        Args:
            keep: Digests of what is under way.

        Raises:
            UnavailableError: The disk cannot be written.
        """
        kept = {*(self.digest(name) for name in NAMES), *keep} - {""}
        try:
            for download in _listed(self.downloads):
                if not download.name.startswith(tuple(kept or {"-"})):
                    _remove(download)
            if not self.digest("current") or self.damage(self.digest("current")):
                return
            for release in _listed(self._releases):
                if release.name not in kept:
                    _remove(release)
        except OSError as exc:
            raise files.unwritable(self.folder, exc) from exc

    def free_bytes(self) -> int:
        """Return how much room there is."""
        existing = next(folder for folder in (self.folder, *self.folder.absolute().parents) if folder.exists())
        disk = os.statvfs(existing)
        return disk.f_bavail * disk.f_frsize

    def _candidates(self) -> Iterator[str]:
        """What may be in use, the most wanted first."""
        linked = [digest for name in NAMES if (digest := self.digest(name))]
        kept = [folder for folder in _listed(self._releases) if (folder / KEPT).exists()]
        latest_first = sorted(kept, key=lambda folder: (folder / KEPT).stat().st_mtime_ns, reverse=True)
        names = [folder.name for folder in latest_first if _DIGEST.fullmatch(folder.name)]
        yield from dict.fromkeys((*linked, *names))

    def _link_or_tell(self, sha256: str) -> list[str]:
        try:
            self._link("current", sha256)
        except UnavailableError as exc:
            return [str(exc)]
        return []

    def _keep(self, sha256: str, kept: Kept) -> None:
        mark, before = self._releases / sha256 / KEPT, self.kept(sha256)
        known = before.completed(kept)
        if known != before or not mark.exists():
            files.write_bytes(mark, known.encode())

    def _use(self, sha256: str) -> None:
        current = self.digest("current")
        if current:
            self._link("previous", current)
        self._link("current", sha256)

    def _link(self, name: Name, sha256: str) -> None:
        """Let a link lead to a release; whatever else is in its place is moved aside."""
        link, fresh = self.folder / name, self.folder / f".{name}.new"
        try:
            _remove(fresh)
            fresh.symlink_to(f"releases/{sha256}")
            if link.is_dir() and not link.is_symlink():
                _remove(link)
            fresh.replace(link)
            _sync(self.folder)
        except OSError as exc:
            raise files.unwritable(link, exc) from exc


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _remove(path: Path) -> None:
    """Remove a file, link or folder; a folder is renamed first, so that half of it is never taken for a whole."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    gone = path if path.name.startswith(_GONE) else path.with_name(f"{_GONE}{path.name}")
    if gone != path:
        shutil.rmtree(gone, ignore_errors=True)
        path.rename(gone)
    shutil.rmtree(gone)


def _make_folder(folder: Path) -> None:
    """Make a folder that outlives a power cut, its parents too."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        _sync(made.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
