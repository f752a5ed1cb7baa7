from __future__ import annotations

import pytest
from packaging.markers import Marker
from packaging.tags import parse_tag

from edge_sdk.flash import BoardSystem
from edge_sdk.flash.wheels.target import kept, marker_environment, platforms, tags
from tests.flash.wheels.made import JETSON, PI


@pytest.mark.parametrize(
    ("marker", "on_pi", "on_jetson"),
    [
        ("python_version < '3.11'", False, True),
        ("python_full_version >= '3.13'", True, False),
        ("sys_platform == 'win32' or platform_system == 'Darwin'", False, False),
        ("platform_machine == 'aarch64' and os_name == 'posix'", True, True),
        ("platform_python_implementation != 'PyPy'", True, True),
        ("extra == 'crypto'", False, False),
    ],
)
def test_markers_are_judged_for_the_board(marker, on_pi, on_jetson):
    judged = [Marker(marker).evaluate(marker_environment(board) | {"extra": ""}) for board in (PI, JETSON)]
    assert judged == [on_pi, on_jetson]


def test_platforms_end_with_what_any_system_of_the_architecture_runs():
    named = platforms(PI)
    assert named[0] == "manylinux_2_28_aarch64"
    assert named[-3:] == ["manylinux_2_17_aarch64", "manylinux2014_aarch64", "linux_aarch64"]
    assert platforms(BoardSystem("3.13", "x86_64", "2.28"))[-2] == "manylinux1_x86_64"


@pytest.mark.parametrize(
    ("tag", "runs"),
    [
        ("cp313-cp313-manylinux_2_27_aarch64.manylinux_2_28_aarch64", True),
        ("cp311-abi3-manylinux2014_aarch64", True),
        ("py2.py3-none-any", True),
        ("cp313-cp313-manylinux_2_34_aarch64", False),
        ("cp313-cp313-manylinux_2_28_x86_64", False),
        ("cp312-cp312-manylinux_2_28_aarch64", False),
        ("cp313-cp313t-manylinux_2_28_aarch64", False),
        ("cp314-abi3-manylinux2014_aarch64", False),
        ("cp313-cp313-musllinux_1_2_aarch64", False),
    ],
)
def test_a_wheel_runs_where_its_tags_say(tag, runs):
    assert parse_tag(tag).isdisjoint(tags(PI)) != runs


def test_where_one_build_of_a_module_stays_none_of_the_others_comes():
    assert {"onnxruntime", "onnxruntime-gpu"} <= kept(JETSON)
    assert "numpy" not in kept(JETSON)
    assert kept(PI) == frozenset()
