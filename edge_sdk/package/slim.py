"""One package a family: a board fetches its own variant and no other. The same package gives the same bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edge_sdk.package.manifest import Manifest, Variant, least_schema
from edge_sdk.package.open import ModelPackage
from edge_sdk.package.write import write_package
from edge_sdk.profiles import Family

_FOR_PEOPLE = frozenset({"report.html"})


def write_slim(package: ModelPackage, family: Family, path: Path) -> None:
    """Write the part of a package that boards of one family need.

    Raises:
        InputError: The package has no such variant, or cannot be read any more.
        TrustError: The package is not the one that was opened.
        UnavailableError: The disk is full, or the folder cannot be written.
    """
    manifest = _slim(package.manifest, family)
    write_package(path, manifest, {entry.name: package.read(entry) for entry in manifest.entries})


def _slim(manifest: Manifest, family: Family) -> Manifest:
    variants: dict[str, Variant] = {family: manifest.variants[family]}
    return replace(
        manifest,
        variants=variants,
        files=tuple(entry for entry in manifest.files if entry.name not in _FOR_PEOPLE),
        schema=least_schema(manifest.task, manifest.preprocess, variants.values()),
    )
