from __future__ import annotations

import json
import sys

import pytest

from edge_sdk.cli import main
from tests.runtime.models import COLORS, card, write_clip, write_colors


@pytest.fixture
def bench(monkeypatch, capsys, tmp_path):
    """Run the command on the colour package; return its exit code, stdout and stderr."""
    package = write_colors(tmp_path / "colors-1.edge")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["edge-sdk", "bench", str(package), *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run


def test_it_shows_the_stages_beside_onnxruntime_alone(bench):
    code, out, err = bench("--frames", 20)
    assert (code, err) == (0, "")
    head, *rows = [line.split() for line in out.splitlines()]
    assert head == ["stage", "p50", "ms", "p95", "ms", "p99", "ms", "max", "ms"]
    assert [row[0] for row in rows[:6]] == ["preprocess", "infer", "decode", "own", "frame", "onnxruntime"]
    assert "20 of noise of 1280x720" in out
    assert "edge-sdk adds 0." in out


def test_json_is_the_record(bench, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", [card(name) for name in COLORS])
    code, out, _ = bench("--source", clip, "--frames", 5, "--json")
    report = json.loads(out)
    assert (code, report["source"], report["frames"]) == (0, str(clip), 5)
    assert report["bare"]["count"] == 5
