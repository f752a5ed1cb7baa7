from __future__ import annotations

import sys
import urllib.request

import pytest

from edge_sdk.errors import UnavailableError
from edge_sdk.flash.wheels.closure import close
from edge_sdk.flash.wheels.index import PipIndex
from edge_sdk.flash.wheels.wheel import read_wheel
from tests.flash.wheels.made import JETSON, PI, make_wheel


def test_a_python_without_pip_is_told_with_the_cure(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pip", None)  # as in environments that uv makes
    with pytest.raises(UnavailableError, match=r"^wheels: expected pip in .*, got none$") as refused:
        PipIndex(PI, tmp_path, print).fetch(["alpha"])
    assert refused.value.hint.startswith("python -m ensurepip")


def is_online() -> bool:
    try:
        with urllib.request.urlopen("https://pypi.org/simple/paho-mqtt/", timeout=3) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_the_real_index_gives_what_the_board_needs_whatever_python_runs_here(tmp_path):
    if not is_online():
        pytest.skip("no network: the real package index cannot be asked")
    requires = ["paho-mqtt>=2.2", "tomli>=2; python_version < '3.11'"]
    own = read_wheel(make_wheel(tmp_path, "edge-sdk", "1", requires=requires))
    found = close(["edge-sdk"], own, JETSON, PipIndex(JETSON, tmp_path, print).fetch, where="the index")
    assert [wheel.name for wheel in found] == ["edge-sdk", "paho-mqtt", "tomli"]
