"""Messages as bytes: JSON with a `schema`, small and of bounded depth."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, TypeVar

from edge_sdk import records
from edge_sdk.errors import InputError

MessageT = TypeVar("MessageT")
SCHEMA = 1
MAX_MESSAGE_BYTES = 1 << 20
"""No message of ours is larger, apart from the bytes of a block."""


def _number(text: str) -> float | None:
    """Return a number; null for one that JSON cannot say again, such as 1e999."""
    number = float(text)
    return number if isfinite(number) else None


_DECODER = json.JSONDecoder(parse_float=_number, parse_constant=lambda _: None)


def encode(message: Any) -> bytes:
    """Return a message as compact JSON, the same message always the same bytes; what JSON cannot say is null."""
    document = {"schema": SCHEMA, **records.to_data(message)}
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        errors="backslashreplace"
    )


def decode(record: type[MessageT], payload: bytes, *, where: str) -> MessageT:
    """Read a message.

    Args:
        record: What it should be.
        payload: Its bytes.
        where: What it is called in errors, such as its topic.

    Raises:
        InputError: It is too large, not JSON, of a newer schema, or not such a message.
    """
    return records.read(record, read_fields(payload, where=where), where=where, unknown="ignore")


def read_fields(payload: bytes, *, where: str) -> dict[str, Any]:
    """Read a message's fields, without its schema, which is checked.

    Raises:
        InputError: It is too large, no JSON object, or of another schema.
    """
    data = read_json(payload, where=where)
    if not isinstance(data, dict):
        raise InputError(f"{where}: expected a JSON object, got {type(data).__name__}")
    schema = data.pop("schema", None)
    if type(schema) is not int or schema != SCHEMA:
        raise InputError(f"{where}: expected schema {SCHEMA}, got {str(schema)[:20]}", hint="update edge-sdk")
    return data


def read_json(payload: bytes, *, where: str) -> Any:
    """Read JSON that came from outside; NaN and infinity, which some write although JSON has none, are null.

    Raises:
        InputError: It is too large, not JSON in UTF-8, or nested beyond reason.
    """
    if len(payload) > MAX_MESSAGE_BYTES:
        raise InputError(f"{where}: expected at most {MAX_MESSAGE_BYTES} bytes, got {len(payload)}")
    try:
        return _DECODER.decode(payload.decode())
    except (ValueError, RecursionError) as exc:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise InputError(f"{where}: expected JSON, got {type(exc).__name__}") from exc
