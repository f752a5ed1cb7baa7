"""A week without a network, with fewer rows a day; the whole form is `scripts/bench mail`."""

import json
import subprocess
import sys


def test_memory_and_files_are_flat_while_nobody_is_there(tmp_path):
    command = [sys.executable, "-m", "scripts.benchmarks.mail_week", str(tmp_path), "3000", "1000000"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    days = [json.loads(line) for line in said.splitlines()]
    assert days[-1]["rows"] + days[-1]["dropped"] == 7 * 3000
    assert days[-1]["dropped"] > 0
    assert days[-1]["resident_bytes"] - days[2]["resident_bytes"] < 1_000_000
    assert days[-1]["disk_bytes"] < 3 * 1_000_000 + 4_000_000
