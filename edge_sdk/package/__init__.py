"""The package `NAME-VERSION.edge`: one file for one model on every kind of board (docs/package.md)."""

from edge_sdk.package.manifest import Accuracy, FileEntry, Manifest, Provenance, Variant
from edge_sdk.package.open import ModelPackage, open_package
from edge_sdk.package.write import write_package

__all__ = [
    "Accuracy",
    "FileEntry",
    "Manifest",
    "ModelPackage",
    "Provenance",
    "Variant",
    "open_package",
    "write_package",
]
