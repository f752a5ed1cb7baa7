"""edge-sdk: take a trained model onto edge boards, and keep it right there."""

from typing import TYPE_CHECKING

from edge_sdk.errors import EdgeError, GateError, InputError, TrustError, UnavailableError
from edge_sdk.profiles import DeviceProfile
from edge_sdk.version import __version__

if TYPE_CHECKING:
    from edge_sdk.package import ModelPackage
else:

    def __getattr__(name: str) -> object:
        """Import `ModelPackage` when it is asked for: it needs NumPy, and `edge-sdk --help` does not."""
        if name != "ModelPackage":
            raise AttributeError(f"module 'edge_sdk' has no attribute '{name}'")
        from edge_sdk.package import ModelPackage

        return ModelPackage


__all__ = [
    "DeviceProfile",
    "EdgeError",
    "GateError",
    "InputError",
    "ModelPackage",
    "TrustError",
    "UnavailableError",
    "__version__",
]
