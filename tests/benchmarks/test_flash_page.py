"""The page of `scripts/bench flash`."""

from __future__ import annotations

from scripts.benchmarks.flash_page import page


def test_rates_and_ratios_come_from_bytes_and_seconds():
    row = {"size_bytes": 60_000_000, "edge-sdk": 2.0, "dd, fsync": 3.0, "dd, direct": 1.5, "read back": 1.0}
    text = page({"file": row}, rounds=5, machine="x86_64")
    assert "| file | 30 | 20 | 40 | 150% | 75% | 60 |" in text
    assert "Medians of 5 in turns" in text
