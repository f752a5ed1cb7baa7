"""The page of `scripts/bench flash`."""

from __future__ import annotations

from scripts.benchmarks.flash_page import page


def test_rates_and_ratios_come_from_bytes_and_seconds():
    row = {"size_bytes": 60_000_000, "edge-sdk": 2.0, "dd, fsync": 3.0, "dd, direct": 1.5, "read back": 1.0}
    customised = {"debian": {"copy": 2.0, "customise": 5.25}}
    text = page({"file": row}, {"incomplete": 7, "whole": 3}, customised, rounds=5, machine="x86_64")
    assert "| file | 30 | 20 | 40 | 150% | 75% | 60 |" in text
    assert "Medians of 5 in turns" in text
    assert "killed (SIGKILL) 10 times" in text
    assert "incomplete: 7; it was as before: 0; it had the whole image: 3;" in text
    assert "**0**" in text
    assert "| ext4 root (systemd) | 2.0 | 5.2 | 3.2 |" in text
