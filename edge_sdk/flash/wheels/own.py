"""A wheel of edge-sdk itself, made from what is installed here: a checkout in development, or a wheel of its own.

- Neither a network nor a build backend is needed; the same files give the same bytes, so nothing is compressed.
- Its metadata are those of the installation, so a checkout whose `pyproject.toml` changed is to be installed again.
- Format: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from importlib import metadata
from pathlib import Path

from edge_sdk import files
from edge_sdk.errors import InputError
from edge_sdk.profiles.load import profiles_folder

_DISTRIBUTION = "edge-sdk"
_PACKAGE = "edge_sdk"
_ROOT = Path(__file__).resolve().parents[2]
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_MAX_FILE_BYTES = 64 << 20
_WHEEL = "Wheel-Version: 1.0\nGenerator: edge-sdk\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_OF_THE_INSTALLATION = ("METADATA", "entry_points.txt", "licenses/LICENSE")


def own_wheel() -> tuple[str, bytes]:
    """Return the file name and the bytes of a wheel of this edge-sdk.

    Raises:
        InputError: edge-sdk runs without being installed, so that nothing tells what it requires.
    """
    try:
        installed = metadata.distribution(_DISTRIBUTION)
    except metadata.PackageNotFoundError as exc:
        raise InputError(
            f"{_ROOT}: expected an installed edge-sdk, got a folder with its files", hint="pip install -e ."
        ) from exc
    label = f"{_PACKAGE}-{installed.version}"
    info = f"{label}.dist-info"
    contents = dict(sorted((_code() | _profiles() | _metadata(installed, info)).items()))
    contents[f"{info}/RECORD"] = _record(contents, f"{info}/RECORD")
    return f"{label}-py3-none-any.whl", _archive(contents)


def _code() -> dict[str, bytes]:
    names = [path.relative_to(_ROOT) for path in sorted(_ROOT.rglob("*")) if path.is_file()]
    ours = [name for name in names if not any(part.startswith((".", "__pycache__")) for part in name.parts)]
    return {f"{_PACKAGE}/{name.as_posix()}": _read(_ROOT / name) for name in ours}


def _profiles() -> dict[str, bytes]:
    return {f"{_PACKAGE}/device_profiles/{path.name}": _read(path) for path in sorted(profiles_folder().glob("*.toml"))}


def _metadata(installed: metadata.Distribution, info: str) -> dict[str, bytes]:
    found = {name: installed.read_text(name) for name in _OF_THE_INSTALLATION}
    return {f"{info}/WHEEL": _WHEEL.encode()} | {
        f"{info}/{name}": text.encode() for name, text in found.items() if text is not None
    }


def _record(contents: dict[str, bytes], own_name: str) -> bytes:
    lines = [f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in contents.items()]
    return "".join([*lines, f"{own_name},,\n"]).encode()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _archive(contents: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in contents.items():
            entry = zipfile.ZipInfo(name, _FIRST_DATE)
            entry.create_system, entry.external_attr = 3, _MODE  # as Unix writes it, on every system
            archive.writestr(entry, data)
    return buffer.getvalue()


def _read(path: Path) -> bytes:
    return files.read_bytes(path, max_bytes=_MAX_FILE_BYTES)
