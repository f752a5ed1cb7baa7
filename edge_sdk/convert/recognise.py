"""Tells which framework a source is of, by its name and what a folder contains; files are not opened for it."""

from __future__ import annotations

import re
from pathlib import Path

from edge_sdk.convert import FRAMEWORKS
from edge_sdk.errors import InputError
from edge_sdk.files import sha256_of_files
from edge_sdk.records import near_match

_FACTORY = re.compile(r"[A-Za-z_]\w*(\.\w+)*:[A-Za-z_]\w*(\.\w+)*")


def is_factory(source: str) -> bool:
    """Tell whether a source is `module:factory`."""
    return _FACTORY.fullmatch(source) is not None and not Path(source).exists()


def recognise(source: str, told: str = "") -> str:
    """Return the name of a source's framework; empty for a factory, where what it returns tells.

    Args:
        source: A file, a folder, or `module:factory`.
        told: What the user says; empty for nothing.

    Raises:
        InputError: There is no such source or framework, or what it is cannot be told.
    """
    if told:
        if told not in FRAMEWORKS:
            known = list(FRAMEWORKS)
            raise InputError(f"--from: expected one of {', '.join(known)}, got '{told}'{near_match(told, known)}")
    elif not is_factory(source):
        told = _by_path(Path(source))
    if not is_factory(source) and not Path(source).exists():
        raise InputError(f"{source}: expected a file, a folder, or module:factory, got nothing there")
    return told


def framework_of_object(given: object) -> str:
    """Return the framework of what a factory returned: that of the nearest class of one (Keras's may be PyTorch's too).

    Raises:
        InputError: It is a model of none.
    """
    for kind in type(given).__mro__:
        root = kind.__module__.partition(".")[0]
        for name, framework in FRAMEWORKS.items():
            if root in framework.roots:
                return name
    kind_name = f"{type(given).__module__}.{type(given).__name__}"
    raise InputError(f"factory: expected a model of {', '.join(FRAMEWORKS)}, got {kind_name}")


def digest_of(source: str, weights: str) -> str:
    """Return SHA-256 of a source's files and its weights; empty for code without weights.

    Raises:
        InputError: A file cannot be read.
    """
    path = Path(source)
    files = [] if is_factory(source) else _files_of(path)
    paths = [*files, *([Path(weights)] if weights else [])]
    return sha256_of_files(paths) if paths else ""


def _files_of(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _by_path(path: Path) -> str:
    found = [
        name
        for name, framework in FRAMEWORKS.items()
        if path.suffix.lower() in framework.suffixes or any((path / entry).exists() for entry in framework.entries)
    ]
    if not path.exists():
        raise InputError(f"{path}: expected a file, a folder, or module:factory, got nothing there")
    if len(found) != 1:
        kinds = ", ".join(suffix for framework in FRAMEWORKS.values() for suffix in framework.suffixes)
        got = f"what may be of {' or '.join(found)}" if found else f"'{path.name}'"
        raise InputError(
            f"{path}: expected a source of one framework ({kinds}, a SavedModel folder, module:factory), got {got}",
            hint=f"say which with --from {' or --from '.join(found or FRAMEWORKS)}",
        )
    return found[0]
