from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_sdk.flash.wheels.shelf import Shelf
from edge_sdk.flash.wheels.wheel import read_wheel
from tests.flash.wheels.made import make_wheel

DAY_S = 24 * 3600


@pytest.fixture
def shelf(tmp_path) -> Shelf:
    """A shelf with one set of one wheel, `alpha`."""
    shelf = Shelf(tmp_path / "shelf")
    shelf.keep("key", [shelf.adopt(read_wheel(make_wheel(tmp_path, "alpha")))], 1_790_000_000)
    return shelf


def the_wheel(folder: Path) -> Path:
    return next(folder.glob("shelf/wheels/*/alpha-99-py3-none-any.whl"))


def test_a_set_is_found_as_it_was_kept(tmp_path, shelf):
    found = shelf.find("key")
    assert found.made_unix_s == 1_790_000_000
    assert [wheel.path for wheel in found.wheels] == [the_wheel(tmp_path)]
    assert shelf.find("other") is None


@pytest.mark.parametrize("data", [b"damaged", None])
def test_a_set_that_is_not_whole_is_none(tmp_path, shelf, data):
    the_wheel(tmp_path).unlink()
    if data:
        the_wheel_again = next(tmp_path.glob("shelf/wheels/*")) / "alpha-99-py3-none-any.whl"
        the_wheel_again.write_bytes(data)
    assert shelf.find("key") is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"made_unix_s": 1, "wheels": [{"name": "../x", "sha256": "../../y"}]}']
)
def test_a_set_that_is_none_is_as_if_it_was_never_there(tmp_path, shelf, text):
    (tmp_path / "shelf" / "sets" / "key.json").write_text(text)
    assert shelf.find("key") is None


def test_what_nobody_used_for_a_month_goes_and_what_was_used_stays(tmp_path, shelf):
    unused = shelf.adopt(read_wheel(make_wheel(tmp_path, "beta")))
    then_s = unused.path.stat().st_mtime - 40 * DAY_S
    for path in (unused.path.parent, the_wheel(tmp_path).parent):
        os.utime(path, (then_s, then_s))
    shelf.find("key")
    shelf.forget_unused(then_s + 40 * DAY_S)
    assert not unused.path.exists()
    assert shelf.find("key") is not None
