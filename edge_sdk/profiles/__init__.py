"""The boards, as data: one TOML file a board.

- Nothing in the code knows the name of a board: what differs between boards is a field of its profile.
- A board is found by its name, by an alias, by the path of a profile file, or by the marks in its own files.
"""

from edge_sdk.profiles.detect import Detected, detect_profile, read_cpu
from edge_sdk.profiles.load import list_profiles, load_profile, profiles_folder, read_profile, read_profiles
from edge_sdk.profiles.record import DeviceProfile, Family, InputKind, Provider, QuantPolicy, RangeMethod, Speed

__all__ = [
    "Detected",
    "DeviceProfile",
    "Family",
    "InputKind",
    "Provider",
    "QuantPolicy",
    "RangeMethod",
    "Speed",
    "detect_profile",
    "list_profiles",
    "load_profile",
    "profiles_folder",
    "read_cpu",
    "read_profile",
    "read_profiles",
]
