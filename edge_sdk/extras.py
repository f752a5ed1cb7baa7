"""Packages that only some need, imported where they are used; a missing one is told with what installs it."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from edge_sdk.errors import InputError


def require(module: str, *, extra: str, where: str) -> ModuleType:
    """Import a package of an extra.

    Args:
        module: The module.
        extra: The extra of edge-sdk that installs it.
        where: What needs it, which starts the message.

    Raises:
        InputError: It is not installed, or a library that it needs is not.
    """
    try:
        return import_module(module)
    except (ImportError, OSError) as exc:  # OSError: a shared library of the system is missing
        raise InputError(
            f"{where}: expected the package {module}, got {exc}", hint=f'pip install "edge-sdk[{extra}]"'
        ) from exc
