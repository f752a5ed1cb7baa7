"""Whether the libraries can be imported, each tried in a process of its own, and are those of the board."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from edge_sdk.doctor import cures, versions
from edge_sdk.doctor.child import Ended, run_python
from edge_sdk.doctor.record import Finding, State, Subject

_LIMIT_S = 60.0
_PROBE = """
import importlib, json
module = importlib.import_module({name!r})
print(json.dumps([getattr(module, "__version__", ""), {more}]))
"""
_NEON_ALONE = {"OPENBLAS_CORETYPE": "ARMV8"}
"""Makes NumPy's OpenBLAS leave out what it believes of the processor, wrongly on some Jetsons."""


@dataclass(frozen=True, slots=True)
class Library:
    """A module that is tried.

    Attributes:
        module: Its name.
        install: How it is installed.
        is_needed: Whether nothing goes without it.
        more: What it is asked besides its version: an expression that gives a list of texts.
    """

    module: str
    install: str
    is_needed: bool = False
    more: str = "[]"


LIBRARIES = (
    Library("numpy", 'pip install "numpy>=1.26"', is_needed=True),
    Library("onnxruntime", 'pip install "onnxruntime>=1.23"', is_needed=True, more="module.get_available_providers()"),
    Library("cv2", "pip install opencv-python-headless", is_needed=True),
    Library("paho.mqtt", "pip install paho-mqtt", is_needed=True),
    Library(
        "picamera2", "sudo apt install python3-picamera2, in a virtual environment made with --system-site-packages"
    ),
    Library("smbus2", 'pip install "edge-sdk[sensors]"'),
    Library("serial", 'pip install "edge-sdk[sensors]"'),
    Library("sounddevice", 'pip install "edge-sdk[audio]" and sudo apt install libportaudio2'),
)


def check_libraries(subject: Subject) -> Iterator[Finding]:
    """Import each library, and hold what they say of themselves against the board."""
    answers: dict[str, list[str]] = {}
    for library in LIBRARIES:
        ended = run_python(_PROBE.format(name=library.module, more=library.more), limit_s=_LIMIT_S)
        if ended.is_well:
            version, more = json.loads(ended.output.splitlines()[-1])
            answers[library.module] = [version, *more]
        yield judge(library, ended, answers.get(library.module, [""])[0])
    yield from versions.check_versions(subject.profile, answers.get("onnxruntime", []))


def judge(library: Library, ended: Ended, version: str = "") -> Finding:
    """Return what a try says of a library.

    Args:
        library: What was tried.
        ended: How the try ended.
        version: The version that it told.
    """
    name = f"import {library.module}"
    if ended.is_well:
        return Finding(name, "ok", version or "without a version")
    if _is_not_installed(library.module, ended.error):
        return Finding(name, "failed" if library.is_needed else "not here", "not installed", library.install)
    state: State = "failed" if library.is_needed else "warning"
    if ended.timed_out:
        return Finding(name, state, f"hangs in {ended.error}", cures.HANG)
    if ended.signal:
        return Finding(
            name, state, f"killed by {ended.signal}{cures.meaning(ended.signal)}", _of_signal(library, ended)
        )
    return Finding(name, state, ended.error, cures.of_import(library.module, ended.error))


def _is_not_installed(module: str, error: str) -> bool:
    """Tell whether it is not there, or a package that it is part of; another one missing is a fault of it."""
    parts = module.split(".")
    names = {".".join(parts[: count + 1]) for count in range(len(parts))}
    return error.startswith("ModuleNotFoundError") and any(error.endswith(f"'{name}'") for name in names)


def _of_signal(library: Library, ended: Ended) -> str:
    """Return the cure of a death, tried where it can be."""
    if ended.signal == "SIGILL":
        again = run_python(f"import {library.module}", limit_s=_LIMIT_S, environment=_NEON_ALONE)
        if again.is_well:
            return "export OPENBLAS_CORETYPE=ARMV8 (tried: then it can be imported)"
    return cures.of_signal(library.module, ended.signal)
