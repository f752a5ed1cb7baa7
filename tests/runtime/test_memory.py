from __future__ import annotations

from pathlib import Path

from edge_sdk.runtime.memory import give_back


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_freed_memory_goes_back_to_the_system():
    blocks = [bytes(2000) for _ in range(20_000)]
    kept = blocks[::500]  # the C library gives back by itself only what lies at the end
    last = blocks[-1]
    del blocks
    before_bytes = resident_bytes()
    give_back()
    assert before_bytes - resident_bytes() > 20_000_000
    assert len(kept) * len(last) == 80_000
