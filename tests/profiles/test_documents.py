"""The documents about boards say what the records and the profiles say."""

from __future__ import annotations

import dataclasses
import re
import typing
from pathlib import Path

from edge_sdk.profiles import DeviceProfile, list_profiles, read_profile

DOCS = Path(__file__).parents[2] / "docs"
OWN_BOARD = (DOCS / "how_to" / "own_board.md").read_text()


def keys(record, prefix=""):
    """Yield the dotted keys of a record's fields and of the records in them."""
    hints = typing.get_type_hints(record)
    for field in dataclasses.fields(record):
        wanted = (hints[field.name], *typing.get_args(hints[field.name]))
        inner = next((one for one in wanted if dataclasses.is_dataclass(one)), None)
        yield from keys(inner, f"{prefix}{field.name}.") if inner else [prefix + field.name]


def defaults(record, prefix=""):
    """Yield the dotted keys that may be left out, with their defaults, of records that may be left out as well."""
    for field in dataclasses.fields(record):
        if dataclasses.is_dataclass(field.default_factory):
            yield from defaults(field.default_factory, f"{prefix}{field.name}.")
        elif field.default is not dataclasses.MISSING:
            yield prefix + field.name, field.default


def literals(hint):
    """Yield the words of all Literals in a type and in the records that it holds."""
    if typing.get_origin(hint) is typing.Literal:
        yield from typing.get_args(hint)
    inner = typing.get_type_hints(hint).values() if dataclasses.is_dataclass(hint) else typing.get_args(hint)
    for one in inner:
        if not isinstance(one, str):
            yield from literals(one)


def rows(text):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:2] == "| "]


def test_the_table_of_keys_has_each_key_once():
    told = [row[0].strip("`") for row in rows(OWN_BOARD)[1:]]
    assert sorted(told) == sorted(keys(DeviceProfile))


def test_the_table_of_keys_tells_the_defaults():
    told = {row[0].strip("`"): row[2] for row in rows(OWN_BOARD)[1:]}
    policy = {key: default for key, default in defaults(DeviceProfile) if key.startswith("quantization.")}
    assert {key: told[key] for key in policy} == {key: str(default) for key, default in policy.items()}


def test_the_table_of_keys_names_each_word_that_a_key_may_have():
    hints = typing.get_type_hints(DeviceProfile)
    words = {word for record in hints.values() for word in literals(record)}
    assert {word for word in words if f"`{word}`" not in OWN_BOARD} == set()


def test_the_example_of_an_own_board_is_a_profile(tmp_path):
    (tmp_path / "board.toml").write_text(re.search(r"```toml\n(.*?)```", OWN_BOARD, re.DOTALL)[1])
    assert read_profile(tmp_path / "board.toml").budget.latency_ms == 40


def test_the_list_of_boards_says_what_the_profiles_say():
    wanted = [
        [
            f"`{profile.name}`",
            profile.title,
            ", ".join(f"`{alias}`" for alias in profile.aliases),
            profile.family,
            f"{profile.cpu.cores} x {profile.cpu.core}",
            f"{profile.memory_bytes / 2**30:g} GiB",
            profile.system.name,
            profile.system.onnxruntime,
            f"{profile.system.max_opset} / {profile.system.max_ir}",
        ]
        for profile in list_profiles()
    ]
    assert rows((DOCS / "boards.md").read_text())[1:] == wanted
