"""Offers for tests of an update's life."""

from __future__ import annotations

from edge_sdk.wire.release import Gates, Offer, PackageTarget


def offer(digest, *, revision=1, size_bytes=1000, **gates):
    """Return an offer of a package; a digest of one letter is repeated to its length."""
    sha256 = digest if len(digest) == 64 else digest * 64
    name = f"parts-{sha256[0]}"
    package = PackageTarget(f"packages/{name}.edge", sha256, size_bytes, f"packages/{name}.blocks", "e" * 64)
    return Offer(revision, name, "fp32", package, Gates(**gates))
