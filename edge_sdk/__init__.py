"""edge-sdk: take a trained model onto edge boards, and keep it right there."""

from edge_sdk.errors import EdgeError, GateError, InputError, TrustError, UnavailableError
from edge_sdk.package import ModelPackage
from edge_sdk.profiles import DeviceProfile
from edge_sdk.version import __version__

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
