"""`manifest.json`: a manifest as bytes, and back.

- It is read strictly: no key twice, no NaN, no number or nesting beyond bounds, no text that could not be shown.
- A newer `schema` is refused; unknown keys of this one are left aside.
- What is written can be read, and says the same.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from edge_sdk import records
from edge_sdk.errors import InputError, TrustError
from edge_sdk.package.manifest import MANIFEST_NAME, SCHEMA, Manifest

MAX_MANIFEST_BYTES = 1 << 20
_MAX_DIGITS = 20


def encode_manifest(manifest: Manifest) -> bytes:
    """Return `manifest.json`; in which order its tables were filled makes no difference.

    Raises:
        InputError: It would not be read back as it is, or is too large.
    """
    ordered = replace(
        manifest,
        variants=dict(sorted(manifest.variants.items())),
        provenance=replace(manifest.provenance, versions=dict(sorted(manifest.provenance.versions.items()))),
    )
    data = records.to_json(ordered).encode(errors="surrogatepass")  # refused below, with the other mistakes
    if len(data) > MAX_MANIFEST_BYTES:
        raise InputError(f"{MANIFEST_NAME}: expected at most {MAX_MANIFEST_BYTES} bytes, got {len(data)}")
    if decode_manifest(data, where=MANIFEST_NAME) != manifest:
        raise InputError(f"{MANIFEST_NAME}: expected values that JSON can keep, got others")
    return data


def decode_manifest(data: bytes, *, where: str) -> Manifest:
    """Read `manifest.json`.

    Args:
        data: Its bytes.
        where: What messages call it.

    Raises:
        InputError: It is not JSON, not a manifest (each mistake by its dotted place), or of a newer schema.
        TrustError: Two files share a name, or a name could lead out of the package.
    """
    try:
        document = json.loads(
            data.decode(),
            object_pairs_hook=_unique,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_finite,
        )
        json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair can be read, but never be shown
    except (ValueError, RecursionError) as exc:
        raise InputError(f"{where}: expected JSON, got {exc}") from exc
    schema = document.get("schema") if isinstance(document, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise InputError(f"{where}: expected schema {SCHEMA}, got {schema}", hint="update edge-sdk")
    try:
        return records.read(Manifest, document, where=where, unknown="ignore")
    except TrustError as exc:
        raise TrustError(f"{where}: {exc}") from exc


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            raise ValueError(f"the key {key[:80]!r} twice")
        table[key] = value
    return table


def _whole(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a whole number of {len(text)} digits")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:80]}")
    return value
