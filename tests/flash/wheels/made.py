"""Wheels that are tiny: right in form, with one module that knows its version."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from edge_sdk.flash import BoardSystem

PI = BoardSystem("3.13", "aarch64", "2.28")
JETSON = BoardSystem("3.10", "aarch64", "2.28", ("onnxruntime-gpu",), "1.23.0")


def make_wheel(
    folder: Path,
    name: str,
    version: str = "99",
    *,
    requires: Iterable[str] = (),
    tag: str = "py3-none-any",
    python: str = "",
) -> Path:
    """Write a wheel and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        f"Requires-Python: {python}",
        *(f"Requires-Dist: {r}" for r in requires),
    ]
    contents = {
        f"{module}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": "\n".join(lines) + "\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/RECORD": "",
    }
    path = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in contents.items():
            archive.writestr(inner, text)
    return path


def make_all(folder: Path, *, without: Iterable[str] = ()) -> Path:
    """Write a tiny stand-in for each distribution that edge-sdk requires on any board, and for pip."""
    texts = [text for text in metadata.requires("edge-sdk") or () if "extra ==" not in text]
    names = {canonicalize_name(Requirement(text).name): text for text in texts}
    for name, text in {**names, "pip": "pip"}.items():
        if name not in without:
            floor = next((spec.version for spec in Requirement(text).specifier if spec.operator == ">="), "1")
            make_wheel(folder, name, floor)
    return folder
