"""Decoded TOML or JSON becomes a frozen dataclass, or every mistake is named.

- A mistake is told by its dotted place, what was expected and what came; an unknown key also by its nearest neighbour.
- All mistakes of a document are told at once, one a line.
- `unknown="refuse"` is for what people write, `unknown="ignore"` for messages of a known schema from newer programs.
- Fields may be str, bool, int, float, Literal, records, `X | None`, `tuple[X, ...]`, `frozenset[X]`, `dict[str, X]`
  and `dict[Literal, X]`. An int is taken for a float, never the other way round; a float is finite.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from edge_sdk.errors import InputError

RecordT = TypeVar("RecordT")
Unknown = Literal["refuse", "ignore"]


def read(record: type[RecordT], data: object, *, where: str, unknown: Unknown = "refuse") -> RecordT:
    """Build a record from decoded TOML or JSON.

    Args:
        record: A dataclass.
        data: What the decoder returned; a table.
        where: The document's name, which starts each message.
        unknown: What to do with keys the record does not have.

    Returns:
        The record.

    Raises:
        InputError: The data does not fit; the message has one line a mistake.
    """
    reader = _Reader(unknown)
    value = reader.value(record, data, "")
    if reader.mistakes:
        raise InputError("\n".join(f"{where}: {mistake}" for mistake in reader.mistakes), hint=reader.hint)
    return typing.cast(RecordT, value)


def read_toml(record: type[RecordT], document: bytes, *, where: str) -> RecordT:
    """Build a record from a TOML document that people write; keys that the record does not have are refused.

    Raises:
        InputError: It is not TOML in UTF-8, or does not fit; the message has one line a mistake.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        data = tomllib.loads(document.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise InputError(f"{where}: expected TOML, got {exc}") from exc
    return read(record, data, where=where)


def to_data(value: Any) -> Any:
    """Return a record as what `json.dumps` takes: dicts, lists, strings, numbers, None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_data(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(to_data(item) for item in value)
    if isinstance(value, (tuple, list)):
        return [to_data(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def to_json(value: Any) -> str:
    """Return a record as JSON: indented, fields in the record's order, the same record always the same text."""
    return json.dumps(to_data(value), indent=2, ensure_ascii=False) + "\n"


def near_match(word: str, known: list[str]) -> str:
    """Return `; did you mean 'X'?` for the nearest known word, or an empty string."""
    import difflib  # for mistakes alone

    matches = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean '{matches[0]}'?" if matches else ""


class _Reader:
    """One reading of one document: collects mistakes instead of stopping at the first."""

    def __init__(self, unknown: Unknown) -> None:
        self.unknown = unknown
        self.mistakes: list[str] = []
        self.hint = ""

    def wrong(self, place: str, expected: str, got: str) -> None:
        self.mistakes.append(f"{place or 'the document'}: expected {expected}, got {got}")

    def value(self, wanted: Any, data: Any, place: str) -> Any:
        if dataclasses.is_dataclass(wanted):
            return self.record(typing.cast(type, wanted), data, place)
        origin = get_origin(wanted)
        if origin in (Union, types.UnionType):
            return self.union(get_args(wanted), data, place)
        if origin is Literal:
            return self.literal(get_args(wanted), data, place)
        if origin in (tuple, frozenset):
            return self.sequence(origin, get_args(wanted), data, place)
        if origin is dict:
            return self.table(get_args(wanted), data, place)
        return self.scalar(wanted, data, place)

    def record(self, wanted: type, data: Any, place: str) -> Any:
        if not isinstance(data, Mapping):
            return self.wrong(place, "a table", _name(data))
        hints = _hints(wanted)
        fields = {field.name: field for field in dataclasses.fields(wanted)}
        self.unknown_keys(data, list(fields), place)
        before = len(self.mistakes)
        values = {}
        for name, field in fields.items():
            inner = _within(place, name)
            if name in data:
                values[name] = self.value(hints[name], data[name], inner)
            elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                self.wrong(inner, _describe(hints[name]), "nothing")
        if len(self.mistakes) > before:
            return None
        try:
            return wanted(**values)
        except InputError as exc:
            self.mistakes.append(_within(place, str(exc)))
            self.hint = self.hint or exc.hint
            return None

    def unknown_keys(self, data: Mapping[Any, Any], known: list[str], place: str) -> None:
        if self.unknown == "ignore":
            return
        for key in data:
            if key not in known:
                nearest = near_match(str(key), known) or f"; known keys are {', '.join(known)}"
                self.mistakes.append(f"{_within(place, key)}: unknown key{nearest}")

    def union(self, options: tuple[Any, ...], data: Any, place: str) -> Any:
        if data is None and type(None) in options:
            return None
        rest = [option for option in options if option is not type(None)]
        if len(rest) == 1:
            return self.value(rest[0], data, place)
        for option in rest:
            attempt = _Reader(self.unknown)
            value = attempt.value(option, data, place)
            if not attempt.mistakes:
                return value
        return self.wrong(place, " or ".join(_describe(option) for option in rest), _name(data))

    def literal(self, options: tuple[Any, ...], data: Any, place: str) -> Any:
        if data in options and type(data) in {type(option) for option in options}:
            return data
        nearest = near_match(str(data), [str(option) for option in options])
        return self.wrong(place, "one of " + ", ".join(repr(option) for option in options), _name(data) + nearest)

    def sequence(self, kind: type, args: tuple[Any, ...], data: Any, place: str) -> Any:
        if not isinstance(data, (list, tuple)):
            return self.wrong(place, "a list", _name(data))
        if kind is tuple and not (len(args) == 2 and args[1] is Ellipsis):
            if len(args) != len(data):
                return self.wrong(place, f"{len(args)} values", f"{len(data)}")
            inner = args
        else:
            inner = (args[0],) * len(data)
        return kind(
            self.value(one, item, f"{place}[{i}]") for i, (one, item) in enumerate(zip(inner, data, strict=True))
        )

    def table(self, args: tuple[Any, ...], data: Any, place: str) -> Any:
        if not isinstance(data, Mapping):
            return self.wrong(place, "a table", _name(data))
        known = get_args(args[0])  # of a Literal; empty for str
        if known:
            self.unknown_keys(data, list(known), place)
        return {
            key: self.value(args[1], item, _within(place, key))
            for key, item in data.items()
            if not known or key in known
        }

    def scalar(self, wanted: Any, data: Any, place: str) -> Any:
        if wanted is float and type(data) in {int, float} and abs(data) <= sys.float_info.max:
            return float(data)
        if wanted is not float and type(data) is wanted:
            return data
        return self.wrong(place, _describe(wanted), _name(data))


_WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def _within(place: str, key: object) -> str:
    word = str(key) if str(key).isprintable() else repr(key)
    return f"{place}.{word}" if place else word


@functools.cache
def _hints(record: type) -> dict[str, Any]:
    return typing.get_type_hints(record)


def _describe(wanted: Any) -> str:
    if wanted in _WORDS:
        return _WORDS[wanted]
    origin = get_origin(wanted)
    if origin is Literal:
        return "one of " + ", ".join(repr(option) for option in get_args(wanted))
    if origin in (Union, types.UnionType):
        return " or ".join(_describe(option) for option in get_args(wanted) if option is not type(None))
    return "a list" if origin in (tuple, frozenset) else "a table"


def _name(data: Any) -> str:
    if data is None:
        return "nothing"
    if isinstance(data, (Mapping, list)):
        return "a table" if isinstance(data, Mapping) else "a list"
    return repr(data) if len(repr(data)) <= 60 else repr(data)[:57] + "..."
