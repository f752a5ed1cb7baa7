"""Finding profiles: by name, by alias, or in a file of the user's own.

- What a profile says is checked when it is read; each mistake is told by its dotted place, and all of them at once.
- A folder of the user's own adds to the profiles that come with edge-sdk; a name means one board only.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edge_sdk import files, records
from edge_sdk.errors import InputError
from edge_sdk.profiles.record import DeviceProfile

_MAX_PROFILE_BYTES = 1 << 16


def profiles_folder() -> Path:
    """Return the folder of the profiles that come with edge-sdk, in a checkout or in an installed wheel."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "device_profiles"
    return installed if installed.is_dir() else package.parent / "device_profiles"


def read_profile(path: Path) -> DeviceProfile:
    """Read a profile from its TOML file.

    Raises:
        InputError: It is not TOML, or not a profile; one line a mistake, with its dotted place.
    """
    document = files.read_bytes(path, max_bytes=_MAX_PROFILE_BYTES)
    return records.read_toml(DeviceProfile, document, where=str(path))


def read_profiles(place: Path) -> tuple[DeviceProfile, ...]:
    """Read the profile in a file, or all profiles of a folder in the order of their file names.

    Raises:
        InputError: There are none, files have mistakes (those of all files are told), or two profiles claim one name.
    """
    if not place.is_dir():
        return (read_profile(place),)
    paths = sorted(place.glob("*.toml"), key=lambda path: path.stem)
    if not paths:
        raise InputError(f"{place}: expected device profiles (*.toml), got none")
    found: list[DeviceProfile] = []
    mistakes: list[InputError] = []
    for path in paths:
        try:
            found.append(read_profile(path))
        except InputError as exc:
            mistakes.append(exc)
    if mistakes:
        raise InputError("\n".join(map(str, mistakes)), hint=mistakes[0].hint)
    _require_unique_names(found, where=str(place))
    return tuple(found)


def list_profiles(folder: Path | None = None) -> tuple[DeviceProfile, ...]:
    """Return the profiles that come with edge-sdk, then those of a folder of the user's own.

    Args:
        folder: Where the user's own TOML files are, if there are any.

    Raises:
        InputError: A profile has a mistake, or two claim one name.
    """
    shipped = read_profiles(profiles_folder())
    if folder is None:
        return shipped
    own = read_profiles(folder)
    _require_unique_names((*shipped, *own), where=str(folder))
    return (*shipped, *own)


def load_profile(name_or_path: str, folder: Path | None = None) -> DeviceProfile:
    """Return the profile of a board, by name, by alias, or by the path of a profile file.

    Args:
        name_or_path: What ends in `.toml` or has a `/` is a path.
        folder: Where the user's own profiles are, besides those that come with edge-sdk.

    Raises:
        InputError: There is no such board, or a profile has a mistake.

    Example:
        >>> load_profile("compute-module-5").name
        'raspberry-pi-5'
    """
    path = Path(name_or_path)
    if path.suffix == ".toml" or len(path.parts) > 1:
        return read_profile(path)
    known = {name: profile for profile in list_profiles(folder) for name in (profile.name, *profile.aliases)}
    if name_or_path in known:
        return known[name_or_path]
    raise InputError(
        f"profile: expected a known board or a .toml file, got '{name_or_path}'"
        + records.near_match(name_or_path, list(known)),
        hint="edge-sdk profiles list shows all boards",
    )


def _require_unique_names(profiles: Iterable[DeviceProfile], *, where: str) -> None:
    owners: dict[str, str] = {}
    for profile in profiles:
        for name in (profile.name, *profile.aliases):
            if name in owners:
                raise InputError(f"{where}: expected unique names, got '{name}' in {owners[name]} and {profile.name}")
            owners[name] = profile.name
