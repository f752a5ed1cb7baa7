"""The public surface: what a user may import, and what importing it costs.

A name is made public by adding it to `goldens/public_api.txt`, with a docstring, a test and a line in the docs.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import edge_sdk

GOLDEN = (Path(__file__).parent / "goldens" / "public_api.txt").read_text().split()
ROOMS = [f"edge_sdk.{module.name}" for module in pkgutil.iter_modules(edge_sdk.__path__) if module.name != "cli"]
HEAVY = {"cryptography", "cv2", "onnx", "onnxruntime", "rich", "securesystemslib", "torch", "tuf"}


def public_names(room: str) -> list[str]:
    """Return `__all__` of a room, or the functions and classes of a room that is one file."""
    module = importlib.import_module(room)
    if hasattr(module, "__all__"):
        return [f"{room}.{name}" for name in module.__all__]
    own = [value for value in vars(module).values() if inspect.isclass(value) or inspect.isfunction(value)]
    return [f"{room}.{v.__name__}" for v in own if v.__module__ == room and not v.__name__.startswith("_")]


def test_the_top_has_eight_names():
    assert edge_sdk.__all__ == [
        "DeviceProfile",
        "EdgeError",
        "GateError",
        "InputError",
        "ModelPackage",
        "TrustError",
        "UnavailableError",
        "__version__",
    ]
    assert all(hasattr(edge_sdk, name) for name in edge_sdk.__all__)


def test_the_public_names_are_those_of_the_golden_list():
    names = {name for room in ROOMS for name in public_names(room)}
    assert sorted(names.difference(GOLDEN)) == [], "public, and not in the list"
    assert sorted(set(GOLDEN) - names) == [], "in the list, and not public"


@pytest.mark.parametrize("name", GOLDEN)
def test_a_public_name_is_documented(name):
    room, _, inner = name.rpartition(".")
    value = getattr(importlib.import_module(room), inner)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__doc__
        assert not value.__doc__.startswith(f"{inner}("), "a dataclass writes such a docstring by itself"


def test_importing_pulls_in_nothing_heavy():
    imports = "\n".join(f"import {room}" for room in ["edge_sdk", "edge_sdk.cli", *ROOMS])
    source = f"import sys\n{imports}\nprint(*sorted({HEAVY} & sys.modules.keys()))"
    assert subprocess.check_output([sys.executable, "-c", source], text=True).split() == []
