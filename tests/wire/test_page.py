"""docs/wire.md: every example is such a message, and every channel and field has one."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from edge_sdk.fleet.store import Store
from edge_sdk.wire import blocks, decode, encode, messages
from edge_sdk.wire.blocks import Block, Get
from edge_sdk.wire.enrolment import Progress
from edge_sdk.wire.messages import Batch
from edge_sdk.wire.topics import Down, Up

PAGE = (Path(__file__).parents[2] / "docs" / "wire.md").read_text()
EXAMPLES = re.findall(r"^### (`[^\n]+`): (\w+)\n\n```json\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
RECORDS = {
    "Get": Get,
    "Progress": Progress,
    **{name: getattr(messages, name) for name in vars(messages) if name[0].isupper()},
}


@pytest.mark.parametrize(("name", "example"), [one[1:] for one in EXAMPLES if one[1] != "Block"])
def test_an_example_is_such_a_message_and_shows_every_field(name, example):
    record = RECORDS[name]
    payload = example.encode()
    if record is Batch:
        again = Batch.decode(payload, where="page").encode()
    else:
        again = encode(decode(record, payload, where="page"))
    assert json.loads(again) == json.loads(example)
    assert set(json.loads(example)) == {"schema", *(field.name for field in fields(record))}


def test_the_example_of_a_block_is_the_head_of_one():
    (head,) = [example for _, name, example in EXAMPLES if name == "Block"]
    block = Block.decode(head.strip().encode() + b"\nbytes", where="page")
    assert block == Block(3, "metadata/2.root.json", 0, 4096, is_found=True, data=b"bytes")
    assert f"{blocks.BLOCK_BYTES:,}" in PAGE


def test_every_channel_has_an_example_and_a_line_in_the_table():
    channels = {*(f"up/{name}" for name in get_args(Up)), *(f"down/{name}" for name in get_args(Down))}
    assert {channel for names, _, _ in EXAMPLES for channel in re.findall(r"\b(?:up|down)/[a-z]+", names)} == channels
    table = PAGE.partition("| channel |")[2].partition("\n\n")[0]
    assert set(re.findall(r"(?:up|down)/[a-z]+", table)) == channels


def test_the_query_on_the_page_runs(tmp_path):
    (query,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    example = next(text for _, name, text in EXAMPLES if name == "Batch")
    with Store(tmp_path / "fleet.db") as store:
        store.take([("press-4", Batch.decode(example.encode(), where="page"))], now_s=0.0)
        asked = query.replace("1200", "0")
        assert len(sqlite3.connect(tmp_path / "fleet.db").execute(asked).fetchall()) == 0  # it came too early

        batch = Batch.decode(example.replace("4000", "4711").encode(), where="page")
        store.take([("press-4", batch)], now_s=0.0)
        rows = sqlite3.connect(tmp_path / "fleet.db").execute(asked).fetchall()
    assert rows[0] == ("press-4", '[{"class":0,"label":"bolt","score":0.912,"xyxy":[10.0,5.5,200.0,120.0]}]')
