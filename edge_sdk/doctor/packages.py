"""Packages that overwrite one another's files: several builds of one library, installed on top of each other.

pip does not see that they are the same library. The one that was installed last is half there, and removing one breaks
the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions

from edge_sdk.doctor.record import Finding, Subject


@dataclass(frozen=True, slots=True)
class Builds:
    """The builds of one library.

    Attributes:
        module: The module that all of them install.
        names: Their packages, the one that a board without a screen or a GPU keeps first.
        of_provider: The package to keep for an execution provider besides the CPU's.
    """

    module: str
    names: tuple[str, ...]
    of_provider: str = ""


BUILDS = (
    Builds(
        "cv2",
        ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python"),
    ),
    Builds(
        "onnxruntime",
        ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-qnn", "ort-nightly"),
        of_provider="onnxruntime-gpu",
    ),
)


def check_packages(subject: Subject) -> Iterator[Finding]:
    """Look for several builds of one library."""
    installed = {_normal(one.metadata["Name"] or ""): one.version for one in distributions()}
    wants_gpu = subject.profile is not None and len(subject.profile.providers) > 1
    for builds in BUILDS:
        there = [name for name in builds.names if name in installed]
        keeps = builds.of_provider if wants_gpu and builds.of_provider in there else (there or [""])[0]
        if there:
            yield judge(builds, [f"{name} {installed[name]}" for name in there], keeps=keeps)


def judge(builds: Builds, there: Sequence[str], *, keeps: str) -> Finding:
    """Judge the builds of a library that are installed.

    Args:
        builds: The library.
        there: The installed ones, each as `NAME VERSION`; at least one.
        keeps: The name of the one to keep.
    """
    name = f"builds of {builds.module}"
    if len(there) == 1:
        return Finding(name, "ok", there[0])
    names = " ".join(one.partition(" ")[0] for one in there)
    return Finding(
        name,
        "warning",
        f"{' and '.join(there)} overwrite each other's files",
        f"pip uninstall -y {names} && pip install {keeps}",
    )


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
