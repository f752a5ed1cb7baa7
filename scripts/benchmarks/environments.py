"""The peers' own virtual environments: what benchmarks/peers/NAME.txt pins, in .peers/env/NAME, made when first needed.

The lists are whole (`pip freeze`), so they are installed without dependencies: a tool that would pull in gigabytes it
does not need here (pnnx wants PyTorch) gets what it uses. No peer is a dependency of the project, and none reports its
use to anybody or installs anything while it is measured.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.benchmarks.places import BENCHMARKS, PEERS, ROOT

QUIET: Mapping[str, str] = {
    "ORT_DISABLE_TELEMETRY": "1",
    "NNCF_CI": "1",  # NNCF and OpenVINO send no events where continuous integration runs
    "CI": "true",
    "HF_HUB_OFFLINE": "1",
    "PIP_NO_INDEX": "1",  # a tool that calls pip by itself finds nothing
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def pins(name: str) -> Path:
    """Return the list of packages of an environment."""
    return BENCHMARKS / "peers" / f"{name}.txt"


def peer_python(name: str) -> Path:
    """Return the Python of an environment, which is made first where it is not there; empty is the project's own.

    Raises:
        RuntimeError: Its packages cannot be installed; with pip's words.
    """
    if not name:
        return Path(sys.executable)
    folder = PEERS / "env" / name
    python, stamp = folder / "bin/python", folder / "made-from"
    digest = hashlib.sha256(pins(name).read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return python
    print(f"installing {pins(name).relative_to(ROOT)} into {folder}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run([*install, "--requirement", str(pins(name))], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"pip: {done.stderr.strip().splitlines()[-1]}")
    stamp.write_text(digest)
    return python


def peer_variables(python: Path) -> dict[str, str]:
    """Return the environment variables that a peer runs with: its own programs first, and edge-sdk to import."""
    home = PEERS / "home"
    home.mkdir(parents=True, exist_ok=True)
    path = f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, **QUIET, "PATH": path, "HOME": str(home), "PYTHONPATH": str(ROOT)}


def pinned_versions(name: str) -> dict[str, str]:
    """Return the packages of an environment and their versions."""
    return dict(line.split("==", 1) for line in pins(name).read_text().splitlines() if "==" in line)
