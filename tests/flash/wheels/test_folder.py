from __future__ import annotations

import pytest

from edge_sdk.errors import InputError
from edge_sdk.flash.wheels.folder import WheelFolder
from tests.flash.wheels.made import PI, make_wheel


def test_the_newest_wheel_that_the_board_runs_is_taken_and_a_preview_only_if_there_is_no_other(tmp_path):
    for version in ("1.0", "1.10", "1.9", "2.0rc1"):
        make_wheel(tmp_path, "alpha", version)
    make_wheel(tmp_path, "alpha", "3.0", tag="cp313-cp313-manylinux_2_28_x86_64")
    make_wheel(tmp_path, "beta", "1.0rc1")
    found = WheelFolder(PI, tmp_path).fetch(["alpha", "beta"])
    assert [wheel.version for wheel in found.values()] == ["1.10", "1.0rc1"]


def test_of_equal_versions_the_one_made_for_the_board_is_taken(tmp_path):
    make_wheel(tmp_path, "alpha")
    best = make_wheel(tmp_path, "alpha", tag="cp313-cp313-manylinux_2_28_aarch64")
    make_wheel(tmp_path, "alpha", tag="cp311-abi3-manylinux2014_aarch64")
    assert WheelFolder(PI, tmp_path).fetch(["alpha>1"])["alpha"].path == best


def test_a_wheel_for_newer_pythons_is_passed_over(tmp_path):
    make_wheel(tmp_path, "alpha", "1.0", python=">=3.10")
    make_wheel(tmp_path, "alpha", "2.0", python=">=3.14")
    assert WheelFolder(PI, tmp_path).fetch(["alpha"])["alpha"].version == "1.0"


def test_a_folder_without_wheels_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected a folder with wheels, got none there"):
        WheelFolder(PI, tmp_path)


def test_a_file_that_is_no_wheel_is_told(tmp_path):
    (tmp_path / "alpha-1-py3-none-any.whl").write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"alpha-1-py3-none-any.whl: expected a wheel, got File is not a zip file"):
        WheelFolder(PI, tmp_path)
