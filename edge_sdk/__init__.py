"""edge-sdk: take a trained model onto edge boards, and keep it right there."""

from importlib import import_module
from typing import TYPE_CHECKING

from edge_sdk.errors import EdgeError, GateError, InputError, TrustError, UnavailableError
from edge_sdk.version import __version__

if TYPE_CHECKING:
    from edge_sdk.package import ModelPackage
    from edge_sdk.profiles import DeviceProfile
else:
    _ROOMS = {"ModelPackage": "edge_sdk.package", "DeviceProfile": "edge_sdk.profiles"}

    def __getattr__(name: str) -> object:
        """Import these two when they are asked for: `edge-sdk --help` needs neither, and a board starts faster."""
        if name not in _ROOMS:
            raise AttributeError(f"module 'edge_sdk' has no attribute '{name}'")
        return getattr(import_module(_ROOMS[name]), name)


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
