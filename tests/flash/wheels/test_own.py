from __future__ import annotations

import io
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from edge_sdk.files import sha256_hex
from edge_sdk.flash.wheels.own import own_wheel
from edge_sdk.profiles import list_profiles
from edge_sdk.version import __version__


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Path:
    """A fresh environment with the wheel, which finds what edge-sdk requires where these tests find it."""
    folder = tmp_path_factory.mktemp("fresh")
    name, data = own_wheel()
    (folder / name).write_bytes(data)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "-q",
        "--no-index",
        "--no-deps",
        "--no-compile",
    ]
    subprocess.run([*install, folder / name], check=True)
    site = next((folder / "venv" / "lib").glob("python*/site-packages"))
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv"


def test_the_same_files_give_the_same_bytes():
    assert own_wheel() == own_wheel()


def test_it_is_pure_and_carries_the_profiles_and_all_metadata():
    name, data = own_wheel()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        info = f"edge_sdk-{__version__}.dist-info"
        assert archive.read(f"{info}/METADATA").decode() == metadata.distribution("edge-sdk").read_text("METADATA")
    assert name == f"edge_sdk-{__version__}-py3-none-any.whl"
    assert {"edge_sdk/py.typed", "edge_sdk/device_profiles/arm64.toml", f"{info}/licenses/LICENSE"} <= set(names)
    assert not [inner for inner in names if "__pycache__" in inner]
    assert len(names) == len(set(names))
    assert names[-1] == f"{info}/RECORD"


def test_pip_installs_it_into_a_fresh_environment_and_its_command_runs(fresh):
    shown = subprocess.run([fresh / "bin" / "edge-sdk", "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout.split()[-1] == __version__


def run(fresh: Path, program: str) -> list[str]:
    command = [fresh / "bin" / "python", "-c", program]
    return subprocess.run(command, cwd=fresh, capture_output=True, text=True, check=True).stdout.split()


def test_what_runs_there_is_the_wheel_with_its_own_profiles(fresh):
    program = "from edge_sdk.profiles.load import *; print(profiles_folder(), len(list_profiles()))"
    folder, count = run(fresh, program)
    assert Path(folder).is_relative_to(fresh)
    assert int(count) == len(list_profiles())


def test_a_wheel_made_from_an_installed_wheel_is_the_same(fresh):
    program = (
        "from edge_sdk.files import *; from edge_sdk.flash.wheels.own import own_wheel;"
        "name, data = own_wheel(); print(name, sha256_hex(data))"
    )
    name, data = own_wheel()
    assert run(fresh, program) == [name, sha256_hex(data)]
