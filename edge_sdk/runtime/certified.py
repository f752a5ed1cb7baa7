"""Whether a board may run a package on the onnxruntime that it has.

- A package without a certificate runs as ever, unless a certificate is required.
- Where the certificate covers the board's onnxruntime, on the CPU, nothing is done.
- Else the board proves itself on the package's golden samples before the first result, and is refused where it fails.
- Where a certificate is required, an onnxruntime that it does not cover is refused whatever the golden samples say.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from edge_sdk.errors import GateError
from edge_sdk.package.certificate import read_certificate
from edge_sdk.package.golden import check_golden, read_golden
from edge_sdk.session import Session, runtime_version

if TYPE_CHECKING:
    from edge_sdk.package import ModelPackage

log = logging.getLogger(__name__)
_CPU = ("CPUExecutionProvider",)


def check_certificate(package: ModelPackage, family: str, session: Session, *, required: bool) -> None:
    """Check that a variant computes here what was certified.

    Args:
        package: The package.
        family: The variant that was opened.
        session: The variant, opened.
        required: Whether a package without a certificate for this onnxruntime is refused.

    Raises:
        GateError: There is no certificate though one is required, or what is computed here is not what it says.
        InputError: The certificate cannot be read.
    """
    certificate, version = read_certificate(package), runtime_version()
    covered = certificate is not None and certificate.covers(family, version)
    if required and not covered:
        there = ", ".join(certificate.covered(family)) if certificate is not None else ""
        raise GateError(
            f"{package.path}: expected a certificate of {family} for onnxruntime {version}, "
            f"got {f'one for {there}' if there else 'none'}",
            hint="edge-sdk parity PACKAGE --certify NEW.edge, with this onnxruntime",
        )
    if certificate is None or (covered and session.providers == _CPU):
        return
    check_golden(read_golden(package, package.manifest.variants[family]), session, where=str(package.path))
    log.warning("%s: no certificate for onnxruntime %s here; its golden samples hold", package.path, version)
