"""What a newcomer does first works, and leaves what it says."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from edge_sdk.media import VideoFile

ROOT = Path(__file__).parents[1]


def test_the_demo_leaves_a_report_and_an_annotated_clip(tmp_path):
    done = subprocess.run([ROOT / "scripts/demo", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "captured 250 = 250 delivered + 0 dropped" in done.stderr + done.stdout
    with VideoFile(tmp_path / "parts.mp4") as video:
        assert sum(1 for _ in video) == 250
    rows = [json.loads(line) for line in (tmp_path / "parts.jsonl").read_text().splitlines()]
    assert sum(len(row["value"]["boxes"]) for row in rows) > 500
    page = (tmp_path / "report.html").read_text()
    assert "raspberry-pi-5" in page and "jetson-orin-nano" in page
