"""The certificate in a package: on which versions of onnxruntime each variant was compared with ONNX's reference.

- It is the record of `edge-sdk parity`, as a file of the package: its digest is in the manifest, and readers that know
  no certificates open the package as ever. Of the record only what a board asks is read here.
- A version is covered by one of the same major and minor number: kernels change with those.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.package.manifest import CERTIFICATE_NAME, FileEntry, Manifest
from edge_sdk.package.open import ModelPackage

_SCHEMA = 1
_RUNTIME = "onnxruntime"
_AS_A_BOARD_RUNS = frozenset({"onnxruntime", "onnxruntime-arm-plan"})


@dataclass(frozen=True, slots=True)
class CertifiedRow:
    """One comparison: variant and engine, whether it ran, with which versions, and what was beyond the tolerance."""

    variant: str
    engine: str
    outcome: str
    versions: dict[str, str]
    failures: dict[str, str]


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a board reads of a certificate."""

    rows: tuple[CertifiedRow, ...]
    schema: int = _SCHEMA

    def covered(self, family: str) -> tuple[str, ...]:
        """Return the versions of onnxruntime that a variant agreed on, with its optimizations."""
        found = {
            row.versions[_RUNTIME]: None
            for row in self.rows
            if row.variant == family and row.engine in _AS_A_BOARD_RUNS and row.outcome == "ran" and not row.failures
        }
        return tuple(found)

    def covers(self, family: str, version: str) -> bool:
        """Tell whether a version of onnxruntime is one that a variant agreed on."""
        return _minor(version) in map(_minor, self.covered(family))


def read_certificate(package: ModelPackage) -> Certificate | None:
    """Return a package's certificate; None if it has none.

    Raises:
        InputError: It cannot be read, or is of a newer schema.
        TrustError: The package is not the one that was opened.
    """
    entry = package.manifest.certificate
    if entry is None:
        return None
    where = f"{package.path}: {CERTIFICATE_NAME}"
    try:
        document = json.loads(package.read(entry))
    except (ValueError, RecursionError) as exc:
        raise InputError(f"{where}: expected JSON, got {exc}") from exc
    found = records.read(Certificate, document, where=where, unknown="ignore")
    if found.schema > _SCHEMA:
        raise InputError(f"{where}: expected schema {_SCHEMA}, got {found.schema}", hint="update edge-sdk")
    return found


def with_certificate(package: ModelPackage, certificate: bytes) -> tuple[Manifest, dict[str, bytes]]:
    """Return what `write_package` takes to write a package with a certificate, in place of one that it has."""
    manifest = package.manifest
    others = tuple(entry for entry in manifest.files if entry.name != CERTIFICATE_NAME)
    made = replace(manifest, files=(*others, FileEntry.of(CERTIFICATE_NAME, certificate)))
    kept = {entry.name: package.read(entry) for entry in manifest.entries if entry.name != CERTIFICATE_NAME}
    return made, {**kept, CERTIFICATE_NAME: certificate}


def _minor(version: str) -> tuple[str, ...]:
    return tuple(version.split(".")[:2])
