"""benchmarks/updates.md: the figures of `scripts/bench updates` as a page; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PAGE = """# What fetching a model over the broker costs

Made by `scripts/bench updates`, on a machine that others use too: read the ratios. A package of {size_MB:g} MB in
{blocks} blocks of 128 KiB, Mosquitto on this machine, server and device each a process of its own
({machine}).

## Beside a bare pull

| fetch, s | bare pull, s | of the bare pull's speed | MB/s |
|---|---|---|---|
| {fetch_s} | {bare_s} | {of_bare:.0%} | {MB_per_s} |

Medians of {rounds} in turns; goal: 60 % or more. The bare pull has the same broker, link, window and blocks, and
throws them away; the fetch checks each block's SHA-256, writes it, and hashes and syncs the whole.

## After cuts

The device was killed (SIGKILL) {cuts} times in the middle, after {blocks_before} verified blocks in all. The last start
found {had_blocks} of them right and fetched the other {fetched_after}: blocks fetched twice: {twice} (goal: none).

## Over a bad line

{seconds} s over a line with 100 ms of round trip and 5 % loss ({lost} of {segments} segments), complete and
verified: {of_line:.0%} of the {line_kB_per_s} kB/s that TCP reaches there. Blocks that were asked for: {asked_blocks}.

The line is a proxy that delays, holds up what follows a lost segment as a retransmission does, and lets through what
TCP reaches at such loss (`scripts/benchmarks/slow_line.py`): the kernel of this machine has no netem.
"""


def page(figures: Mapping[str, Any]) -> str:
    """Return the page."""
    cuts = figures["cuts"]
    of_all = {"twice": cuts["blocks_before"] - cuts["had_blocks"], "size_MB": figures["size_bytes"] / 1e6}
    return _PAGE.format(**figures["run"], **figures["speed"], **cuts, **figures["bad"], **of_all)
