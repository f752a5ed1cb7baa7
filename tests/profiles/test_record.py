from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.profiles import DeviceProfile

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CASES = Path(__file__).parents[1] / "cases" / "profiles"
MISTAKES = tomllib.loads((CASES / "mistakes.toml").read_text())["case"]


def good():
    return tomllib.loads((CASES / "good.toml").read_text())


def table_of(data, place):
    *tables, key = place.split(".")
    for table in tables:
        data = data.setdefault(table, {})
    return data, key


def test_the_good_profile_is_good():
    profile = records.read(DeviceProfile, good(), where="good.toml")
    assert profile.family == "tensorrt-int8"
    assert (profile.quantization.max_drop_points, profile.quantization.min_agreement) == (0.5, 0.94)


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case["name"])
def test_each_mistake_is_told_by_its_place(case):
    data = good()
    for place, value in case.get("set", {}).items():
        table, key = table_of(data, place)
        table[key] = value
    for place in case.get("remove", []):
        table, key = table_of(data, place)
        del table[key]
    with pytest.raises(InputError) as caught:
        records.read(DeviceProfile, data, where="board.toml")
    assert str(caught.value).splitlines() == [f"board.toml: {line}" for line in case["told"]]
    assert caught.value.hint == case.get("hint", "")


def test_a_record_that_is_changed_is_checked_again():
    profile = records.read(DeviceProfile, good(), where="good.toml")
    with pytest.raises(InputError, match=r"^budget\.memory_bytes: expected 0 to 1024 "):
        dataclasses.replace(profile, memory_bytes=1024)
