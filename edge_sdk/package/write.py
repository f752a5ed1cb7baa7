"""Writes a package: the same manifest and contents give the same bytes on every machine."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from pathlib import Path

from edge_sdk import files
from edge_sdk.errors import InputError
from edge_sdk.package import layout
from edge_sdk.package.document import encode_manifest
from edge_sdk.package.manifest import MANIFEST_NAME, FileEntry, Manifest
from edge_sdk.package.onnx_facts import check_model


def write_package(path: Path, manifest: Manifest, contents: Mapping[str, bytes]) -> None:
    """Write a package, whole or not at all.

    Args:
        path: Where it is to be.
        manifest: What it is.
        contents: The bytes of each file that the manifest names, by its name in the package.

    Raises:
        InputError: The contents are not those of the manifest, or the manifest is too large.
        TrustError: A model keeps weights outside itself, or is not of the opset and IR that the manifest says.
        UnavailableError: The disk is full, or the folder cannot be written.
    """
    _check_contents(manifest, contents)
    payload = {MANIFEST_NAME: encode_manifest(manifest)}
    payload.update((entry.name, contents[entry.name]) for entry in manifest.entries)
    files.require_free_space(path.parent, sum(len(data) for data in payload.values()))
    members: list[layout.Member] = []
    with files.write_atomic(path) as file:
        for name, data in payload.items():
            member = layout.Member(name, zlib.crc32(data), len(data), file.tell())
            file.write(layout.file_header(member))
            file.write(data)
            members.append(member)
        file.writelines(layout.directory(members))


def _check_contents(manifest: Manifest, contents: Mapping[str, bytes]) -> None:
    wanted = [entry.name for entry in manifest.entries]
    if set(wanted) != set(contents):
        raise InputError(f"contents: expected {', '.join(wanted)}, got {', '.join(sorted(contents)) or 'none'}")
    for entry in manifest.entries:
        got = FileEntry.of(entry.name, contents[entry.name])
        if got != entry:
            raise InputError(
                f"{entry.name}: expected {entry.size_bytes} bytes with SHA-256 {entry.sha256}, "
                f"got {got.size_bytes} bytes with {got.sha256}"
            )
    for variant in manifest.variants.values():
        check_model(io.BytesIO(contents[variant.model.name]), variant, where=variant.model.name)
