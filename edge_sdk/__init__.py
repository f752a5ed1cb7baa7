"""edge-sdk: take a trained model onto edge boards, and keep it right there."""

from edge_sdk.errors import EdgeError, GateError, InputError, TrustError, UnavailableError
from edge_sdk.package import Manifest as ModelPackage  # TEMP
from edge_sdk.profiles import DeviceProfile

__version__ = "0.1.0"

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
