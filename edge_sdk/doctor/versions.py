"""Whether Python and onnxruntime are those that the board's profile speaks of, with the promised providers."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Sequence

from edge_sdk.doctor.record import Finding
from edge_sdk.profiles import DeviceProfile

_OLDEST_PYTHON, _OLDEST_ONNXRUNTIME = "3.10", "1.23"


def check_versions(
    profile: DeviceProfile | None, onnxruntime: Sequence[str], *, python: str = platform.python_version()
) -> Iterator[Finding]:
    """Judge the versions.

    Args:
        profile: The board; None if it is none that is known.
        onnxruntime: Its version, then the execution providers that it has; empty if it cannot be imported.
        python: The version of Python.
    """
    yield _python(python, profile)
    if onnxruntime:
        yield _onnxruntime(onnxruntime[0], profile)
        if profile is not None:
            yield _providers(profile, onnxruntime[1:])


def _python(version: str, profile: DeviceProfile | None) -> Finding:
    of_board = f"; {profile.system.name} has {profile.system.python}" if profile else ""
    if _numbers(version) < _numbers(_OLDEST_PYTHON):
        cure = f"install Python {_OLDEST_PYTHON} or newer and make a new virtual environment"
        return Finding("python", "failed", f"{version}, expected {_OLDEST_PYTHON} or newer{of_board}", cure)
    return Finding("python", "ok", f"{version}{of_board}")


def _onnxruntime(version: str, profile: DeviceProfile | None) -> Finding:
    if _numbers(version) < _numbers(_OLDEST_ONNXRUNTIME):
        said = f"{version}, expected {_OLDEST_ONNXRUNTIME} or newer"
        return Finding("onnxruntime", "failed", said, f'pip install "onnxruntime>={_OLDEST_ONNXRUNTIME}"')
    if profile is None:
        return Finding("onnxruntime", "ok", version)
    newest = profile.system.onnxruntime
    if _numbers(version) > _numbers(newest):
        said = f"{version}, newer than {newest}, the newest that {profile.name} is known to run"
        return Finding("onnxruntime", "warning", said, f'pip install "onnxruntime=={newest}"')
    return Finding("onnxruntime", "ok", f"{version}; the newest of {profile.name} is {newest}")


def _providers(profile: DeviceProfile, there: Sequence[str]) -> Finding:
    promised = [provider.name for provider in profile.providers]
    missing = [name for name in promised if name not in there]
    if missing:
        said = f"{profile.name} promises {', '.join(missing)}, this onnxruntime has {', '.join(there)}"
        cure = "pip uninstall -y onnxruntime, then install the onnxruntime-gpu that is built for this JetPack"
        return Finding("providers", "failed", said, cure)
    return Finding("providers", "ok", f"{', '.join(promised)} as promised")


def _numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers: of `1.32.0rc1` the first three."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
