from __future__ import annotations

import pytest

from edge_sdk.errors import InputError
from edge_sdk.flash.wheels.closure import close, walk
from edge_sdk.flash.wheels.folder import WheelFolder
from edge_sdk.flash.wheels.wheel import read_wheel
from tests.flash.wheels.made import JETSON, PI, make_wheel


def names(wheels):
    return [f"{wheel.name}=={wheel.version}" for wheel in wheels]


def closed(folder, board, *, requires):
    own = read_wheel(make_wheel(folder / "own", "edge-sdk", "1", requires=requires))
    return names(close(["edge-sdk"], own, board, WheelFolder(board, folder).fetch, where="here"))


def test_the_set_is_what_the_board_needs_and_no_more(tmp_path):
    make_wheel(tmp_path, "alpha", requires=["beta", "gamma; python_version < '3.11'", "delta; extra == 'more'"])
    for name in ("beta", "gamma", "delta", "epsilon"):
        make_wheel(tmp_path, name)
    assert closed(tmp_path, PI, requires=["alpha"]) == ["alpha==99", "beta==99", "edge-sdk==1"]
    assert closed(tmp_path, JETSON, requires=["alpha"]) == ["alpha==99", "beta==99", "edge-sdk==1", "gamma==99"]
    assert "delta==99" in closed(tmp_path, PI, requires=["alpha[more]"])


def test_an_extra_that_is_asked_for_later_is_opened_too(tmp_path):
    make_wheel(tmp_path, "alpha", requires=["delta; extra == 'more'"])
    make_wheel(tmp_path, "beta", requires=["alpha[more]"])
    make_wheel(tmp_path, "delta")
    assert "delta==99" in closed(tmp_path, PI, requires=["alpha", "beta"])


def test_what_is_kept_does_not_come_nor_what_only_it_needs(tmp_path):
    make_wheel(tmp_path, "onnxruntime", "1.22.0", requires=["flatbuffers", "numpy"])
    make_wheel(tmp_path, "flatbuffers")
    make_wheel(tmp_path, "numpy")
    wanted = ["onnxruntime", "numpy"]
    assert closed(tmp_path, JETSON, requires=wanted) == ["edge-sdk==1", "numpy==99"]
    assert "flatbuffers==99" in closed(tmp_path, PI, requires=wanted)


def test_no_onnxruntime_comes_that_is_newer_than_the_boards(tmp_path):
    for version in ("1.22.0", "1.23.0", "1.32.0"):
        make_wheel(tmp_path, "onnxruntime", version)
    board = type(PI)("3.10", "aarch64", onnxruntime="1.23.0")
    assert closed(tmp_path, board, requires=["onnxruntime>=1.20"]) == ["edge-sdk==1", "onnxruntime==1.23.0"]
    assert closed(tmp_path, PI, requires=["onnxruntime>=1.20"]) == ["edge-sdk==1", "onnxruntime==1.32.0"]


def test_a_limit_that_shows_later_is_met_by_choosing_again(tmp_path):
    make_wheel(tmp_path, "alpha", requires=["numpy<2"])
    make_wheel(tmp_path, "numpy", "1.26")
    make_wheel(tmp_path, "numpy", "2.4")
    assert closed(tmp_path, PI, requires=["numpy", "alpha"]) == ["alpha==99", "edge-sdk==1", "numpy==1.26"]


def test_every_wheel_that_is_missing_is_named_with_how_to_get_it(tmp_path):
    make_wheel(tmp_path, "alpha", requires=["beta>=2", "gamma; python_version < '3.11'"])
    with pytest.raises(InputError) as refused:
        closed(tmp_path, JETSON, requires=["alpha", "zeta[x]<9", "beta>=1"])
    assert str(refused.value) == (
        "here: expected wheels for Python 3.10 on aarch64 with glibc 2.28, got none for zeta[x]<9, beta>=1,>=2, gamma"
    )
    assert refused.value.hint == (
        "python -m pip download --only-binary=:all: --implementation cp --python-version 3.10 "
        "--platform manylinux_2_28_aarch64 --platform manylinux2014_aarch64 'zeta[x]<9' 'beta>=1,>=2' 'gamma'"
    )


def test_a_wheel_of_another_version_does_not_count(tmp_path):
    alpha = read_wheel(make_wheel(tmp_path, "alpha", "1"))
    assert walk(["alpha>=2"], {"alpha": alpha}, PI) == (set(), ["alpha>=2"])
