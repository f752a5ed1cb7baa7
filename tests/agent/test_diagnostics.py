from __future__ import annotations

import json
import logging
import sys

from edge_sdk.agent import diagnostics
from edge_sdk.agent.diagnostics import MAX_ROW_BYTES, LogTail

WELL = (sys.executable, "-c", 'print(\'{"profile": "raspberry-pi-5", "findings": []}\')')


def read(rows):
    return [json.loads(row) for row in rows]


def test_states_the_doctor_s_report_and_the_logs_are_rows():
    states, doctor, logs = read(diagnostics.rows(["first", "läst"], {"update": "idle"}, doctor=WELL))
    assert states == {"kind": "states", "update": "idle"}
    assert doctor == {"kind": "doctor", "report": {"profile": "raspberry-pi-5", "findings": []}}
    assert logs == {"kind": "logs", "page": 1, "pages": 1, "lines": ["first", "läst"]}


def test_a_doctor_that_crashes_or_says_nothing_is_told():
    dead = (sys.executable, "-c", "import os; os.abort()")
    assert read(diagnostics.rows([], {}, doctor=dead))[1]["failed"].startswith("JSONDecodeError")
    assert "FileNotFoundError" in read(diagnostics.rows([], {}, doctor=("/nothing",)))[1]["failed"]


def test_the_latest_lines_are_kept_where_there_are_too_many():
    lines = [f"{number:06d} " + "ü" * 500 for number in range(2000)]
    rows = list(diagnostics.rows(lines, {}, doctor=WELL))
    pages = read(rows)[2:]
    assert max(map(len, rows)) <= MAX_ROW_BYTES
    assert [page["page"] for page in pages] == list(range(1, 9))
    kept = [line for page in pages for line in page["lines"]]
    assert kept == lines[-len(kept) :] and len(kept) > 100


def test_what_is_too_large_for_a_row_is_told_with_its_beginning():
    (states,) = read(list(diagnostics.rows([], {"update": "x" * 100_000}, doctor=WELL))[:1])
    assert states["kind"] == "states" and states["too_large_bytes"] > 100_000
    assert states["begins"].startswith('{"kind":"states","update":"xxx')


def test_the_tail_of_a_log_has_a_bound():
    tail, log = LogTail(max_lines=3), logging.Logger("test")
    log.addHandler(tail)
    for number in range(5):
        log.warning("line %d", number)
    assert [line.rpartition(": ")[2] for line in tail.lines()] == ["line 2", "line 3", "line 4"]
