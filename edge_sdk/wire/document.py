"""Messages as bytes: JSON with a `schema`, small and of bounded depth."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from edge_sdk import records
from edge_sdk.errors import InputError

MessageT = TypeVar("MessageT")
SCHEMA = 1
MAX_MESSAGE_BYTES = 1 << 20
"""No message of ours is larger, apart from the bytes of a block."""


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
    data = read_json(payload, where=where)
    if not isinstance(data, dict):
        raise InputError(f"{where}: expected a JSON object, got {type(data).__name__}")
    schema = data.pop("schema", None)
    if type(schema) is not int or schema != SCHEMA:
        raise InputError(f"{where}: expected schema {SCHEMA}, got {str(schema)[:20]}", hint="update edge-sdk")
    return records.read(record, data, where=where, unknown="ignore")


def read_json(payload: bytes, *, where: str) -> Any:
    """Read JSON that came from outside.

    Raises:
        InputError: It is too large, not JSON in UTF-8, or nested beyond reason.
    """
    if len(payload) > MAX_MESSAGE_BYTES:
        raise InputError(f"{where}: expected at most {MAX_MESSAGE_BYTES} bytes, got {len(payload)}")
    try:
        return json.loads(payload.decode())
    except (ValueError, RecursionError) as exc:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise InputError(f"{where}: expected JSON, got {type(exc).__name__}") from exc
