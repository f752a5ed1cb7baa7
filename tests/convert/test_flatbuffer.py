from __future__ import annotations

import struct

import pytest

from edge_sdk.convert.flatbuffer import root
from edge_sdk.errors import InputError


def flatbuffer() -> bytes:
    """A table with a number (field 0), nothing (1), a text (2) and a vector of floats (3)."""
    vtable = struct.pack("<6H", 12, 16, 4, 0, 8, 12)
    table = struct.pack("<iIII", len(vtable), 7, 8, 12)
    text = struct.pack("<I", 4) + b"mean"
    floats = struct.pack("<I2f", 2, 0.5, 127.5)
    return struct.pack("<I", 4 + len(vtable)) + vtable + table + text + floats


def test_fields_are_read_by_their_number():
    table = root(flatbuffer())
    assert table.integer(0) == 7
    assert table.integer(1) == 0
    assert table.text(2) == "mean"
    assert table.floats(3) == (0.5, 127.5)


def test_fields_of_a_newer_schema_are_not_there():
    assert root(flatbuffer()).text(9) == ""


def test_a_file_that_is_cut_off_is_refused():
    with pytest.raises(InputError, match="flatbuffer: expected offsets within"):
        root(flatbuffer()[:-6]).floats(3)


def test_more_elements_than_the_file_has_are_refused():
    content = flatbuffer()
    with pytest.raises(InputError, match=r"flatbuffer: expected at most \d+ elements, got 4294967295"):
        root(content.replace(struct.pack("<I", 4) + b"mean", b"\xff\xff\xff\xffmean")).text(2)
