"""What is signed: releases, what a device must find in them, and who is to have which."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from edge_sdk.errors import InputError
from edge_sdk.files import is_safe_name
from edge_sdk.profiles import Family
from edge_sdk.wire.blocks import check_file

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Gates:
    """What a release must show on a board before it is kept there; part of what is signed.

    Attributes:
        shadow_samples: How many live samples both models see; 0 for none, where results cannot be compared.
        shadow_s: How long that may take, in seconds; then it is judged by what was seen.
        min_agreement: Mean agreement of the results, 0 to 1.
        max_latency_ratio: Latency beside that of the model before, by the median.
        max_latency_ms: Latency, by the median; 0 for no bound.
        max_memory_bytes: What the model may take in memory; 0 for no bound.
        max_error_share: Share of samples without a result, 0 to 1, NaN and infinite numbers among them; fewer than
            three such samples are not held against it, since a camera too gives a broken picture.
        trial_results: How many results must come before it is confirmed.
        trial_s: How long that may take, in seconds; where fewer came, it is rolled back. Only time with samples counts.
        offline_s: A release that is cut off from its fleet so long since it became active, where the one before was
            not, is rolled back; 0 for never.
    """

    shadow_samples: int = 50
    shadow_s: float = 30.0
    min_agreement: float = 0.9
    max_latency_ratio: float = 2.0
    max_latency_ms: float = 0.0
    max_memory_bytes: int = 0
    max_error_share: float = 0.05
    trial_results: int = 100
    trial_s: float = 120.0
    offline_s: float = 3600.0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: One is out of its range.
        """
        for name in ("min_agreement", "max_error_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name}: expected 0 to 1, got {getattr(self, name):g}")
        if self.trial_results < 1:
            raise InputError(f"trial_results: expected at least 1, got {self.trial_results}")
        for name in ("shadow_samples", "max_memory_bytes", "shadow_s", "max_latency_ms", "trial_s", "offline_s"):
            if getattr(self, name) < 0:
                raise InputError(f"{name}: expected 0 or more, got {getattr(self, name):g}")
        if self.max_latency_ratio <= 0:
            raise InputError(f"max_latency_ratio: expected more than 0, got {self.max_latency_ratio:g}")


@dataclass(frozen=True, slots=True)
class PackageTarget:
    """The package for one family of boards.

    Attributes:
        target: Its name in the repository.
        sha256: Its digest.
        size_bytes: Its size.
        blocks: Name of the target with the SHA-256 of each of its blocks, 32 bytes each.
        blocks_sha256: Its digest.
    """

    target: str
    sha256: str
    size_bytes: int
    blocks: str
    blocks_sha256: str

    def __post_init__(self) -> None:
        """Check the names and digests.

        Raises:
            InputError: A name could lead elsewhere, a digest is none, or the size is not positive.
        """
        check_file(self.target)
        check_file(self.blocks)
        for digest in (self.sha256, self.blocks_sha256):
            if not _SHA256.fullmatch(digest):
                raise InputError(f"sha256: expected 64 lower-case hexadecimal digits, got {digest[:80]!r}")
        if self.size_bytes < 1:
            raise InputError(f"size_bytes: expected 1 or more, got {self.size_bytes}")

    @property
    def file(self) -> str:
        """The file of the repository that holds it."""
        return stored_as(self.target, self.sha256)

    @property
    def blocks_file(self) -> str:
        """The file of the repository that holds the list of its blocks."""
        return stored_as(self.blocks, self.blocks_sha256)


def stored_as(target: str, sha256: str) -> str:
    """Return the file of a repository that holds a target: with its digest in the name, as TUF's snapshots want it.

    Example:
        >>> stored_as("packages/parts-2.fp32.edge", "ab12")
        'targets/packages/ab12.parts-2.fp32.edge'
    """
    folder, _, last = target.rpartition("/")
    return "/".join(part for part in ("targets", folder, f"{sha256}.{last}") if part)


@dataclass(frozen=True, slots=True)
class Release:
    """`releases/NAME-VERSION.json`, signed offline: one version of one model, for every kind of board.

    Attributes:
        name: The model's name.
        version: Its counter, 1 or more.
        packages: By family.
        gates: What it must show.
    """

    name: str
    version: int
    packages: dict[Family, PackageTarget]
    gates: Gates = field(default_factory=Gates)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: The name is none, or the version is not positive.
        """
        if not is_safe_name(self.name) or self.version < 1:
            got = f"{self.name[:80]!r}, {self.version}"
            raise InputError(f"name, version: expected a safe name and 1 or more, got {got}")

    @property
    def title(self) -> str:
        """NAME-VERSION."""
        return f"{self.name}-{self.version}"


@dataclass(frozen=True, slots=True)
class Assignment:
    """`director/devices/DEVICE.json`, `director/groups/GROUP.json`, signed online: who is to have which release.

    Attributes:
        revision: Grows with each assignment to the same.
        release: NAME-VERSION; empty for none.
    """

    revision: int
    release: str = ""

    def __post_init__(self) -> None:
        """Check the release's name.

        Raises:
            InputError: It is none.
        """
        if self.release and not is_safe_name(self.release):
            raise InputError(f"release: expected NAME-VERSION, got {self.release[:80]!r}")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a device is offered, verified: the release assigned to it, in the variant of its board.

    Attributes:
        revision: Of the assignment.
        release: NAME-VERSION.
        family: Which variant.
        package: The package.
        gates: What it must show.
    """

    revision: int
    release: str
    family: Family
    package: PackageTarget
    gates: Gates
