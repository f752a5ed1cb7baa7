"""The board as packaging tools see it: which requirements hold there, and which wheels run there."""

from __future__ import annotations

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name

from edge_sdk.flash.system import BoardSystem

_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_FIRST_GLIBC = {"aarch64": 17, "x86_64": 5}
"""The first glibc 2.x that wheels of an architecture are built for (PEP 513, 571, 599)."""
_BUILDS = (
    ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-qnn", "ort-nightly"),
    ("opencv-python-headless", "opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"),
)
"""Distributions that bring one and the same module: where one of them is kept, none of the others may come."""


def marker_environment(board: BoardSystem) -> dict[str, str]:
    """Return what markers such as `python_version < '3.11'` ask for, of the board instead of this machine."""
    full = f"{board.python}.0"
    return {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": "posix",
        "platform_machine": board.arch,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": full,
        "python_version": board.python,
        "sys_platform": "linux",
    }


def platforms(board: BoardSystem) -> list[str]:
    """Return the platform tags of wheels that the board's C library runs, newest first."""
    newest = int(board.glibc.split(".")[1])
    names: list[str] = []
    for minor in range(newest, _FIRST_GLIBC[board.arch] - 1, -1):
        names.append(f"manylinux_2_{minor}_{board.arch}")
        if minor in _OLD_NAMES:
            names.append(f"{_OLD_NAMES[minor]}_{board.arch}")
    return [*names, f"linux_{board.arch}"]


def tags(board: BoardSystem) -> dict[Tag, int]:
    """Return the tags of wheels that the board runs, each with its place: the first fits best."""
    major, minor = map(int, board.python.split("."))
    interpreter = f"cp{major}{minor}"
    named = platforms(board)
    found = [
        *cpython_tags((major, minor), abis=[interpreter], platforms=named),
        *compatible_tags((major, minor), interpreter=interpreter, platforms=named),
    ]
    return {tag: place for place, tag in reversed(list(enumerate(found)))}


def kept(board: BoardSystem) -> frozenset[str]:
    """Return the distributions that must not come: those that stay, and other builds of the same modules."""
    names = set(map(canonicalize_name, board.keeps))
    return frozenset(names.union(*(builds for builds in _BUILDS if names.intersection(builds))))
