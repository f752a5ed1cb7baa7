"""benchmarks/mail.md: the figures of `scripts/bench mail` as a page; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.benchmarks.mail_queues import ROW

_NAMES = {
    "outbox": "the outbox, which groups by itself",
    "outbox_hundreds": "the outbox, flushed after each 100 rows",
    "outbox_each": "the outbox, flushed after each row",
    "commit_each": "SQLite (WAL, FULL), a commit a row",
    "line_each": "a file of lines, synced after each",
    "persist_queue": "persist-queue 1.1.0, FIFOSQLiteQueue",
    "paho": "paho-mqtt, QoS 1: acknowledged by a broker, on no disk",
}
_PAGE = """# What it takes that results reach the fleet once

Made by `scripts/bench mail`, on a machine that others use too ({machine}): read the ratios.

## Onto the disk

| way | rows/s | of the outbox |
|---|---|---|
{speed}

Rows of {row_bytes} bytes; medians of five rounds in turns, each in a process of its own, to the last row on the disk.
The goal is 5,000 a second with one sync for many rows; the slowest round had {least_hz:,.0f}.

## Under random kills

{confirmed:,} rows that were said to be on the board's disk, four processes: who puts rows, the agent's mail, Mosquitto
(without persistence) and the ingest. Each was killed (SIGKILL) again and again, in {seconds:.0f} s:
{kills}.

| rows | |
|---|---|
| lost | {lost} |
| kept twice | {duplicated} |
| declared lost | {missing} |
| kept by the fleet | {stored:,} |

The fleet may have a few more than were confirmed: rows that were on the disk when their process was killed before it
said so.

## Over a bad line

{line[rows]:,} rows over a line with 100 ms of round trip and 5 % loss: {line[seconds]:.1f} s, the start of both ends
included. That is {line[of_line]:.0%} of the {line[line_kB_per_s]:.0f} kB/s that TCP reaches on [that line](updates.md).

## A week without a network

{results_a_day:,} results a day of {row_bytes} bytes, metrics and events beside them, a room of 64 MB for each; the
days pass in seconds, with the agent's mail and link trying to connect meanwhile.

| day | resident, MB | files, MB | results that wait | dropped |
|---|---|---|---|---|
{week}

MB are 10^6 bytes. The process has the outbox, the link and the mail; the agent has more ([agent.md](agent.md)).
"""


def page(figures: Mapping[str, Any]) -> str:
    """Return the page."""
    speed, kills = figures["speed"], dict(figures["kills"])
    best = speed["outbox"]["rows_hz"]
    kills["kills"] = ", ".join(f"{party} {number} times" for party, number in sorted(kills["kills"].items()))
    days = figures["week"]
    return _PAGE.format(
        machine=figures["machine"],
        speed="\n".join(_way(name, speed[way]["rows_hz"], best) for way, name in _NAMES.items()),
        least_hz=speed["outbox"]["least_hz"],
        results_a_day=(days[-1]["rows"] + days[-1]["dropped"]) // days[-1]["day"],
        week=_days(days),
        line=figures["line"],
        row_bytes=len(ROW),
        **kills,
    )


def _way(name: str, rows_hz: float, best_hz: float) -> str:
    return f"| {name} | {rows_hz:,.0f} | {rows_hz / best_hz:.1%} |"


def _days(days: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(
        f"| {day['day']} | {day['resident_bytes'] / 1e6:.1f} | {day['disk_bytes'] / 1e6:.1f} | {day['rows']:,} |"
        f" {day['dropped']:,} |"
        for day in days
    )
