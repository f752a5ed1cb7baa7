"""The InferencePipeline of Roboflow on the clip, in its own environment: a round a line on stdin, its time on stdout.

Its video thread, its queue and its thread for predictions, around the preprocessing and drawing of the loop by hand
and the same session. Counted from its first frame to its last, without its start and its end.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from streamvision.stream.pipeline import InferencePipeline  # type: ignore[import-not-found]

from edge_sdk.runtime import Pipeline
from scripts.benchmarks import runtime_loops as loops


def one_round(opened: Pipeline, clip: Path, frames: int) -> float:
    """Return milliseconds a frame."""
    at_s: list[float] = []

    def infer(given: list[Any]) -> list[Any]:
        return [loops.infer_by_hand(opened, frame.image) for frame in given]

    def draw(scores: Any, frame: Any) -> None:
        if len(at_s) < frames:
            loops.draw_by_hand(frame.image, scores)
            at_s.append(time.perf_counter())
            if len(at_s) == frames:
                pipeline.terminate()

    pipeline = InferencePipeline.init_with_custom_logic(str(clip), on_video_frame=infer, on_prediction=draw)
    pipeline.start(use_main_thread=False)
    pipeline.join()
    return (at_s[-1] - at_s[0]) * 1e3 / (len(at_s) - 1)


def main() -> None:
    """Do a round for each line."""
    package, clip, frames, threads = sys.argv[1:]
    with loops.pipeline(Path(package), int(threads)) as opened:
        for _ in sys.stdin:
            sys.stdout.write(f"{one_round(opened, Path(clip), int(frames))}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
