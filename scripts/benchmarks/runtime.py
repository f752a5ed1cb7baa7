"""`scripts/bench runtime`: what running costs beside the bare parts, on one int8 classifier and one clip.

- Speeds are ratios between loops that take turns in one process, so that a busy machine slows all of them: the bare
  loop of `session.run` on tensors that are ready, edge-sdk's run, the loop that one writes by hand with OpenCV, and
  Roboflow's InferencePipeline, which takes its turns in a process of its own environment.
- Processor time and memory are those of fresh processes, one for each loop: `scripts.benchmarks.runtime_process`.
- The figures go to benchmarks/runtime.md, with the command and the versions.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge_sdk.package import open_package
from edge_sdk.profiles import detect_profile
from scripts.benchmarks import runtime_loops as loops
from scripts.benchmarks.environments import peer_python, peer_variables
from scripts.benchmarks.places import ASSETS, BENCHMARKS, CLI, PEERS
from scripts.benchmarks.runtime_page import page

_MODEL = ASSETS / "models/mobilenet_v2_1.0_224.onnx"
_CALIBRATION = ASSETS / "images/imagenet"
_CLIP = ASSETS / "video/bottle-detection.mp4"


def main(words: Sequence[str]) -> None:
    """Measure, and write the figures down."""
    parser = argparse.ArgumentParser(prog="scripts/bench runtime", description="Measure what running costs, as ratios.")
    parser.add_argument("--package", type=Path, help="a classifier's package; made from the test assets if left out")
    parser.add_argument("--clip", type=Path, default=_CLIP, help="a video file")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each loop")
    parser.add_argument("--hours", type=float, default=1 / 60, help="how long the long replay goes on")
    parser.add_argument("--no-write", action="store_true", help="print the figures, keep nothing")
    arguments = parser.parse_args(words)
    package = arguments.package or _packed()
    figures = {
        "command": shlex.join(["scripts/bench", "runtime", *words]),
        **loops.facts(),
        "speed": speed(package, arguments.clip, arguments.rounds),
        "idle": _in_process("idle", package),
        "memory": memory(package),
        "replay": _in_process("replay", package, arguments.clip, arguments.hours * 3600),
        "swaps": _in_process("swaps", package),
    }
    print(json.dumps(figures, indent=2))
    if not arguments.no_write:
        (BENCHMARKS / "runtime.md").write_text(page(figures))


def speed(package: Path, clip: Path, rounds: int) -> dict[str, Any]:
    """Return milliseconds a frame of each loop, and edge-sdk's own part, for all cores and for one less."""
    cores = loops.cores()
    return {str(threads): _speed(package, clip, rounds, threads) for threads in sorted({cores, max(1, cores - 1)})}


def _speed(package: Path, clip: Path, rounds: int, threads: int) -> dict[str, Any]:
    with loops.pipeline(package, threads) as pipeline, _Roboflow(package, clip, threads) as roboflow:
        pictures = loops.pictures(clip)
        contenders: dict[str, Callable[[], loops.Timed]] = {
            "bare": lambda: loops.bare(pipeline, pictures),
            "pictures": lambda: loops.edge_sdk(pipeline, loops.Again(pictures)),
            "clip": lambda: loops.edge_sdk(pipeline, loops.Clip(clip, len(pictures)), draws=True),
            "by hand": lambda: loops.by_hand(pipeline, clip, len(pictures)),
            "roboflow": roboflow.turn,
        }
        times: dict[str, list[loops.Timed]] = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, run in contenders.items():
                times[name].append(run())
    frame_ms = {name: [timed.frame_ms for timed in timed_] for name, timed_ in times.items()}
    return {
        "frame_ms": {name: round(statistics.median(values), 3) for name, values in frame_ms.items()},
        "of_bare": _ratio(frame_ms["bare"], frame_ms["pictures"]),
        "of_bare_with_clip": _ratio(frame_ms["bare"], frame_ms["clip"]),
        "beside_by_hand": _ratio(frame_ms["by hand"], frame_ms["clip"]),
        "beside_roboflow": _ratio(frame_ms["roboflow"], frame_ms["clip"]),
        "own_p50_ms": round(statistics.median(timed.own_p50_ms for timed in times["pictures"]), 4),
        "own_p99_ms": round(statistics.median(timed.own_p99_ms for timed in times["pictures"]), 4),
    }


class _Roboflow:
    """The process of Roboflow's pipeline."""

    def __init__(self, package: Path, clip: Path, threads: int) -> None:
        python = peer_python("roboflow")
        call = [python, "-m", "scripts.benchmarks.roboflow", package, clip, loops.FRAMES, threads]
        self._process = subprocess.Popen(
            list(map(str, call)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=peer_variables(python)
        )

    def __enter__(self) -> _Roboflow:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def turn(self) -> loops.Timed:
        """Let it do a round."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return loops.Timed(float(self._process.stdout.readline()))


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the ratios within a round: both parts of each saw the same machine."""
    return round(statistics.median(one / other for one, other in zip(ours, theirs, strict=True)), 3)


def memory(package: Path) -> dict[str, float]:
    """Return resident MB after some frames, of bare onnxruntime with OpenCV and of edge-sdk: medians of processes."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.onnx"
        model.write_bytes(open_package(package).model_for(detect_profile().profile)[1])
        bare = [_in_process("memory-bare", model)["MB"] for _ in range(3)]
        ours = [_in_process("memory", package)["MB"] for _ in range(3)]
    return {
        "bare_MB": statistics.median(bare),
        "edge_sdk_MB": statistics.median(ours),
        "more_MB": round(statistics.median(ours) - statistics.median(bare), 1),
    }


def _in_process(*words: object) -> dict[str, Any]:
    call = [sys.executable, "-m", "scripts.benchmarks.runtime_process", *map(str, words)]
    print(f"measuring {words[0]}", file=sys.stderr)
    figures: dict[str, Any] = json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)
    return figures


def _packed() -> Path:
    """Return the package of the classifier for this machine, made once."""
    profile = detect_profile().profile.name
    path = PEERS / f"runtime/mobilenet_v2-{profile}.edge"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        quantize = [CLI, "quantize", _MODEL, "-p", profile, "--calibration", _CALIBRATION, "--normalize", "imagenet",
                    "--resize", "crop:256", "--scheme", "static", "-o", path]  # fmt: skip
        subprocess.run(list(map(str, quantize)), check=True)
    return path
