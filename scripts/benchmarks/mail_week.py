"""A week without a network, in minutes: the agent's memory and the outbox's file, day by day.

`python -m scripts.benchmarks.mail_week FOLDER RESULTS_A_DAY [ROOM_BYTES]` prints a line of JSON a day.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from edge_sdk.agent.mail import Mail, Sender
from edge_sdk.broker.address import Broker
from edge_sdk.broker.link import Link
from edge_sdk.broker.record import LinkOptions
from edge_sdk.outbox import Limit, Outbox
from scripts.benchmarks.mail_parties import PLACE
from scripts.benchmarks.mail_queues import ROW

_CLOSED_PORT = 1
_ROOM_BYTES = 64_000_000
_TURN_ROWS = 500
_DAYS = 7


def main() -> None:
    """Live through it, and tell of each day."""
    folder, results, *room_bytes = Path(sys.argv[1]), *map(int, sys.argv[2:])
    limits = {stream: Limit(*room_bytes or (_ROOM_BYTES,)) for stream in ("results", "events", "metrics")}
    options = LinkOptions(PLACE.device, (PLACE.all_down,))
    with (
        Outbox.open(folder / "outbox.db", limits) as outbox,
        Link(Broker("127.0.0.1", _CLOSED_PORT), options) as link,
    ):
        mail = Mail(outbox, link, Sender(PLACE), now_s=time.monotonic)
        for day in range(_DAYS + 1):
            account = outbox.accounts()["results"]
            size_bytes = sum(path.stat().st_size for path in folder.iterdir())
            told = {"resident_bytes": _resident_bytes(), "disk_bytes": size_bytes}
            print(json.dumps({"day": day, **told, "rows": account.rows, "dropped": account.dropped}), flush=True)
            if day < _DAYS:
                _live(outbox, mail, link, results)


def _live(outbox: Outbox, mail: Mail, link: Link, results: int) -> None:
    """Live one day: results, a row of metrics for sixty of them, an event for six hundred."""
    for number in range(results):
        outbox.put("results", ROW)
        if number % 60 == 0:
            outbox.put("metrics", ROW)
        if number % 600 == 0:
            outbox.put("events", ROW)
        if number % _TURN_ROWS == 0:
            while (happening := link.next(timeout_s=0)) is not None:
                mail.hear(happening)
            mail.send()
    outbox.flush()


def _resident_bytes() -> int:
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main()
