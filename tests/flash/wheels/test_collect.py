"""With real pip, on an index that is a folder with tiny wheels: pip's own settings say so, as a user's would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.flash.wheels import collect
from edge_sdk.flash.wheels.index import PipIndex
from edge_sdk.flash.wheels.shelf import FRESH_S
from tests.flash.wheels.made import JETSON, PI, make_all, make_wheel


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Iterator[Path]:
    """A folder that is pip's only index."""
    folder = make_all(tmp_path_factory.mktemp("index"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_CONFIG_FILE", os.devnull)
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory, index) -> Path:
    """A cache with what pip collected from there for a Jetson."""
    assert index.is_dir()
    folder = tmp_path_factory.mktemp("cache")
    wheels, told = collected(JETSON, folder)
    assert told[0] == "asking the index for wheels for Python 3.10 on aarch64 with glibc 2.28"
    assert len(wheels.wheels) > 5
    return folder


def names(wheels) -> set[str]:
    return {wheel.name for wheel in wheels.wheels}


def collected(board, cache, *, from_folder=None):
    told: list[str] = []
    return collect(board, cache, from_folder=from_folder, tell=told.append), told


def test_pip_collects_what_the_board_needs_and_no_onnxruntime_beside_the_vendors(cache):
    wheels, told = collected(JETSON, cache)
    assert {"edge-sdk", "pip", "numpy", "tomli"} <= names(wheels), "tomli is for Python 3.10, which this may not be"
    assert not {"onnxruntime", "onnxruntime-gpu"} & names(wheels)
    assert re.fullmatch(r"\d+ wheels for Python 3.10 on aarch64 with glibc 2.28, \d+ MB", told[-1])
    assert all(wheel.path.is_relative_to(cache) for wheel in wheels.wheels)


def test_requirements_name_every_wheel_but_pips_with_its_digest(cache):
    wheels, _ = collected(JETSON, cache)
    lines = wheels.requirements.splitlines()
    assert all(re.fullmatch(r"[a-z0-9-]+==\S+ --hash=sha256:[0-9a-f]{64}", line) for line in lines)
    assert {line.split("==")[0] for line in lines} == names(wheels) - {"pip"}


def test_a_set_serves_for_a_day_without_the_index_and_longer_if_there_is_none(cache, monkeypatch):
    first, told = collected(JETSON, cache)
    assert len(told) == 1, "the index was not asked"
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_RETRIES", "1")
    now_s = time.time()
    monkeypatch.setattr(time, "time", lambda: now_s + FRESH_S + 1)
    later, told = collected(JETSON, cache)
    assert later == first
    assert re.fullmatch(r"wheels: expected a package index, got .*: taking those of \d{4}-\d\d-\d\d", told[1])
    with pytest.raises(UnavailableError, match="wheels: expected a package index, got no connection to it"):
        collected(PI, cache)


def test_a_folder_needs_neither_pip_nor_index(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    wheels, told = collected(PI, tmp_path / "cache", from_folder=make_all(tmp_path / "mine"))
    assert {"edge-sdk", "pip", "onnxruntime"} <= names(wheels)
    assert told[0] == f"taking wheels for Python 3.13 on aarch64 with glibc 2.28 from {tmp_path / 'mine'}"


def test_a_folder_that_lacks_wheels_names_each(tmp_path):
    folder = make_all(tmp_path / "mine", without=["numpy", "pip"])
    with pytest.raises(InputError, match=r"mine: expected wheels for .*, got none for pip, numpy>=1.26$"):
        collected(PI, tmp_path / "cache", from_folder=folder)


def test_an_index_without_a_wheel_for_the_board_is_told(tmp_path, index):
    make_wheel(index, "alpha", tag="cp313-cp313-manylinux_2_28_x86_64")
    with pytest.raises(InputError, match=r"^wheels: expected alpha>1 for Python 3.13 on aarch64 .*, got no such wheel"):
        PipIndex(PI, tmp_path, print).fetch(["alpha>1"])


def test_versions_that_do_not_go_together_are_told(tmp_path, index):
    make_wheel(index, "beta", "1.0")
    with pytest.raises(
        InputError, match=r"^wheels: expected versions that go together .* a conflict of beta<2 and beta>3"
    ):
        PipIndex(PI, tmp_path, print).fetch(["beta<2", "beta>3"])


def test_a_board_whose_python_is_too_old_is_refused_before_anything_is_fetched(tmp_path):
    with pytest.raises(InputError, match=r"^python: expected >=3.10 on the board, got 3.8$"):
        collected(replace(JETSON, python="3.8"), tmp_path / "cache", from_folder=tmp_path / "nowhere")


def test_pip_installs_the_set_offline_and_compares_every_digest(cache, tmp_path, monkeypatch):
    wheels, _ = collected(JETSON, cache)
    monkeypatch.delenv("PIP_FIND_LINKS")
    for wheel in wheels.wheels:
        shutil.copy(wheel.path, tmp_path)
    small = [line for line in wheels.requirements.splitlines() if not line.startswith("edge-sdk==")]
    (tmp_path / "requirements.txt").write_text("\n".join(small))
    assert install(tmp_path, tmp_path / "good").returncode == 0
    make_wheel(tmp_path, "numpy", "1.26", requires=["other"])
    refused = install(tmp_path, tmp_path / "bad")
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr


def install(kit: Path, target: Path) -> subprocess.CompletedProcess[str]:
    options = ["--no-index", "--find-links", kit, "--no-deps", "--require-hashes", "--no-compile", "--target", target]
    command = [sys.executable, "-m", "pip", "install", "-q", *options, "-r", kit / "requirements.txt"]
    return subprocess.run(command, check=False, capture_output=True, text=True)
