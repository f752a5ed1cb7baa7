"""Blocks that are made in a thread ahead of their use: four at most, in order, in memory that `O_DIRECT` takes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from edge_sdk.flash.medium import aligned_buffer

BLOCK_BYTES = 4 << 20
_AHEAD = 4


@contextmanager
def blocks_ahead(fill: Callable[[memoryview], memoryview]) -> Iterator[Iterator[memoryview]]:
    """Have blocks made until one is empty; what `fill` raises is raised where its block is taken.

    Args:
        fill: Is given memory of `BLOCK_BYTES`, and returns the part of it that is the next block.

    Yields:
        The blocks; each is good until the next one is taken.
    """
    thread = ThreadPoolExecutor(1)
    try:
        yield _blocks(fill, thread)
    finally:
        thread.shutdown(cancel_futures=True)


def _blocks(fill: Callable[[memoryview], memoryview], thread: ThreadPoolExecutor) -> Iterator[memoryview]:
    buffers = [aligned_buffer(BLOCK_BYTES) for _ in range(_AHEAD)]
    making = deque((buffer, thread.submit(fill, buffer)) for buffer in buffers)
    while True:
        buffer, made = making.popleft()
        block = made.result()
        if not block:
            return
        yield block
        making.append((buffer, thread.submit(fill, buffer)))
