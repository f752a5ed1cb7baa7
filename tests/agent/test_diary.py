from __future__ import annotations

import json

from edge_sdk.agent.diary import Diary
from edge_sdk.agent.worker.messages import Beat
from edge_sdk.outbox import Limit, Outbox


def rows(outbox, stream):
    outbox.flush()
    batch = outbox.batch(stream, max_rows=100, max_bytes=1 << 20)
    return [json.loads(row) for row in batch.rows] if batch else []


def test_events_have_the_time_and_texts_have_a_bound(tmp_path):
    with Outbox.open(tmp_path / "outbox.db", {"events": Limit(100_000)}) as outbox:
        diary = Diary(outbox, unix_s=lambda: 1_800_000_000.5, now_s=lambda: 0.0, period_s=60)
        diary.note("update", stage="trial", reason="x" * 2000)
        (event,) = rows(outbox, "events")
    assert event == {"unix_s": 1_800_000_000.5, "kind": "update", "stage": "trial", "reason": "x" * 500}


def test_metrics_sum_up_a_minute(tmp_path):
    now_s = [0.0]
    with Outbox.open(tmp_path / "outbox.db", {"metrics": Limit(100_000)}) as outbox:
        diary = Diary(outbox, unix_s=lambda: 1.0, now_s=lambda: now_s[0], period_s=60)
        for second in range(1, 91):
            now_s[0] = float(second)
            diary.count(Beat("running", results=10, nan=second == 7, latency_p50_ms=second, latency_p99_ms=second * 2))
        (metrics,) = rows(outbox, "metrics")
    assert (metrics["seconds"], metrics["results"], metrics["nan"], metrics["errors"]) == (60, 600, 1, 0)
    assert (metrics["latency_p50_ms"], metrics["latency_p99_ms"], metrics["phase"]) == (31, 120, "running")


def test_an_event_that_finds_no_room_does_not_matter(tmp_path):
    with Outbox.open(tmp_path / "outbox.db", {"results": Limit(1000)}) as outbox:
        Diary(outbox, unix_s=lambda: 0.0, now_s=lambda: 0.0, period_s=60).note("worker", cause="crash")
        assert outbox.accounts()["results"].rows == 0
