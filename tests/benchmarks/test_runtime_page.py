from __future__ import annotations

from scripts.benchmarks.runtime_page import page

ROW = {
    "frame_ms": {"bare": 9.0, "pictures": 9.3, "clip": 9.5, "by hand": 15.2, "roboflow": 14.1},
    "of_bare": 0.968,
    "of_bare_with_clip": 0.947,
    "beside_by_hand": 1.6,
    "beside_roboflow": 1.48,
    "own_p50_ms": 0.0451,
    "own_p99_ms": 0.133,
}
FIGURES = {
    "command": "scripts/bench runtime --rounds 3",
    "machine": "x86_64, 2 cores",
    "versions": {"edge_sdk": "0.1.0"},
    "speed": {"1": ROW},
    "idle": {"bare_percent": 20.0, "edge_sdk_percent": 21.5, "more_percent": 1.5},
    "memory": {"bare_MB": 96.0, "edge_sdk_MB": 109.0, "more_MB": 13.0},
    "replay": {"seconds": 60, "captured": 900, "results": 895, "stopped": 5, "start_MB": 110.0, "end_MB": 110.5,
               "growth_percent": 0.45},
    "swaps": {"swaps": 50, "done": 50, "captured": 2900, "captured_without": 450, "lost": 1, "lost_without": 2,
              "longest_gap_ms": 49.1, "longest_gap_without_ms": 40.2, "before_MB": 109.1, "start_MB": 112.2,
              "end_MB": 113.3, "growth_percent": 0.98},
}  # fmt: skip


def test_the_page_holds_the_figures_and_the_command():
    text = page(FIGURES)
    assert "Made by `scripts/bench runtime --rounds 3`" in text
    assert "| 1 | 9.00 | 9.30 | 9.50 | 15.20 | 14.10 | 96.8% | 94.7% | 1.60 | 1.48 | 0.045 | 0.133 |" in text
    assert "20.0 %: 1.5 % more" in text
    assert "13.0 MB more" in text
    assert "from 110.0 to 110.5 MB, 0.45 %" in text
    assert "50 of 50 swaps" in text
    assert "1 of 2900 frames lost, 2 of 450 before the first" in text
    assert "109.1 MB before the first, 112.2 after five, 113.3 after the last, both medians of ten: 0.98 %" in text
