"""What the worker puts into the outbox."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edge_sdk.agent.worker.messages import Begin
from edge_sdk.agent.worker.sink import OutboxSink
from edge_sdk.outbox import Outbox


@dataclass
class Said:
    """An outcome, as far as a sink looks at it."""

    value: Any

    def to_data(self):
        return {"seq": 1, "value": self.value}


@pytest.fixture
def begin(tmp_path):
    return Begin("", (), outbox=str(tmp_path / "outbox.db"), outbox_bytes={"results": 1_000_000})


def left(begin):
    with Outbox.open(Path(begin.outbox), {}) as outbox:
        batch = outbox.batch("results", max_rows=10, max_bytes=10_000)
        return [json.loads(row) for row in batch.rows], outbox.accounts()["results"]


def test_results_are_rows_of_json_with_the_time_and_null_for_what_json_cannot_say(begin):
    sink = OutboxSink.open(begin)
    sink.write(None, Said([1.5, float("nan")]))
    sink.close()
    (row,), _ = left(begin)
    assert row.pop("unix_s") > 1.7e9
    assert row == {"seq": 1, "value": [1.5, None]}


def test_a_result_that_is_too_large_is_counted_and_ends_nothing(begin):
    sink = OutboxSink.open(begin)
    sink.write(None, Said("x" * 300_000))
    sink.write(None, Said("small"))
    sink.close()
    rows, account = left(begin)
    assert [row["value"] for row in rows] == ["small"]
    assert account.oversize == 1
