"""Rows that wait on the disk until the fleet itself has acknowledged them (docs/decisions/0038-outbox.md).

- A row is on the disk when `flush` returns; by itself that happens every 100 rows or 250 ms, many rows by one sync.
- Each stream has room in bytes; where it is full the oldest rows go, are counted, and the gap is told to the fleet.
- A number is never used for two rows: not after a restart, not after a damaged file, not on a disk that lost what it
  had said was written.
- Two processes may use it at once: one puts, the other sends. Nothing else than SQLite is imported.
"""

from edge_sdk.outbox.outbox import Outbox
from edge_sdk.outbox.record import Account, Batch, Limit, Mark

__all__ = ["Account", "Batch", "Limit", "Mark", "Outbox"]
