"""benchmarks/runtime.md: the figures of `scripts/bench runtime` as a page; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scripts.benchmarks.tables import table

_INTRODUCTION = """# What running costs

Made by `{command}`, on a machine that others use too: read the ratios, each of loops that took turns.
MobileNetV2 in int8 on a clip of 640x360, H.264.

- **bare** is a loop of onnxruntime's own `run` on tensors that are ready: nothing can be faster.
- **pictures** is edge-sdk's run on pictures in memory: preprocessing, inference, decoding, accounting.
- **clip** is its run on the clip, with decoding of the video and a sink that draws the results in.
- **by hand** is the loop that one writes first with OpenCV: read, prepare, run, draw, on the same clip and session.
- **roboflow** is Roboflow's InferencePipeline (the package streamvision, in an environment of its own) on the same
  clip, with the steps of the loop by hand and the same session.

edge-sdk has two samples on their way at once where every one counts (docs/decisions/0030), so it can be faster than the
bare loop, which has one. What is gained beside the other loops depends on what the model leaves of the cores.
"""


def page(figures: Mapping[str, Any]) -> str:
    """Return the page."""
    return _INTRODUCTION.format(command=figures["command"]) + "\n".join(_sections(figures)) + "\n"


def _sections(figures: Mapping[str, Any]) -> Iterator[str]:
    versions = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    yield f"{figures['machine']} ({versions}).\n"
    yield "## Speed\n"
    head = ["threads of the model", "bare, ms", "pictures", "clip", "by hand", "roboflow", "pictures / bare speed",
            "clip / bare speed", "clip / by hand", "clip / roboflow", "own p50, ms", "own p99, ms"]  # fmt: skip
    yield from table(head, [_speed(threads, row) for threads, row in figures["speed"].items()])
    idle, memory, replay = figures["idle"], figures["memory"], figures["replay"]
    yield (
        "\nGoals: pictures at 95 % of bare or more, clip 1.5 times by hand and roboflow or more, "
        "own 0.3 ms and 1 ms or less.\n"
    )
    yield "## At ten pictures a second\n"
    yield (
        f"edge-sdk takes {idle['edge_sdk_percent']} % of a core, the bare loop with the same steps "
        f"{idle['bare_percent']} %: {idle['more_percent']} % more (goal: 5 or less).\n"
    )
    yield "## Memory\n"
    yield (
        f"{memory['edge_sdk_MB']} MB resident, onnxruntime and OpenCV alone with the same model "
        f"{memory['bare_MB']} MB: {memory['more_MB']} MB more (goal: 15 or less).\n"
    )
    yield (
        f"Over {replay['seconds']} s of replay, {replay['captured']} frames captured, {replay['results']} results and "
        f"{replay['stopped']} that waited at the end: "
        f"from {replay['start_MB']} to {replay['end_MB']} MB, {replay['growth_percent']} % (goal: 5 or less in an "
        "hour, which is `--hours 1`).\n"
    )
    yield from _swaps(figures["swaps"])


def _swaps(swaps: Mapping[str, Any]) -> Iterator[str]:
    yield "## Models that take over\n"
    yield (
        f"{swaps['done']} of {swaps['swaps']} swaps under a camera of 30 pictures a second: {swaps['lost']} of "
        f"{swaps['captured']} frames lost, {swaps['lost_without']} of {swaps['captured_without']} before the first "
        f"(goal: none). The longest time between two results is {swaps['longest_gap_ms']} ms, "
        f"{swaps['longest_gap_without_ms']} ms before the first (goal: 50 or less).\n"
    )
    yield (
        f"Memory: {swaps['before_MB']} MB before the first, {swaps['start_MB']} after five, {swaps['end_MB']} after "
        f"the last, both medians of ten: {swaps['growth_percent']} % (goal: 5 or less)."
    )


def _speed(threads: str, row: Mapping[str, Any]) -> list[str]:
    times = [f"{row['frame_ms'][name]:.2f}" for name in ("bare", "pictures", "clip", "by hand", "roboflow")]
    ratios = [
        f"{row['of_bare']:.1%}",
        f"{row['of_bare_with_clip']:.1%}",
        f"{row['beside_by_hand']:.2f}",
        f"{row['beside_roboflow']:.2f}",
    ]
    return [threads, *times, *ratios, f"{row['own_p50_ms']:.3f}", f"{row['own_p99_ms']:.3f}"]
