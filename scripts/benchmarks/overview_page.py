"""benchmarks/README.md: the figures of `scripts/bench` as a page; pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.benchmarks.tables import table


def page(figures: dict[str, Any], source: Path) -> str:
    """Return the page that shows the figures."""
    versions = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    return INTRODUCTION + "\n".join(
        [
            f"Measured {figures['date']} on {figures['profile']}, {figures['machine']['cores']} cores ({versions}): "
            f"[{source}]({source}).\n",
            "## Accuracy, size and plan (`arm-int8`, raspberry-pi-5)\n",
            *table(
                ("model", "samples", "float", "drop, points", "95 % interval", "agrees with float", "size / float",
                 "work in integers", "layers in float", "s"),
                [accuracy_row(name, row) for name, row in figures["classifiers"].items()],
            ),
            "\n## Beside `onnxruntime.quantization.quantize_static`\n",
            "Latency on this machine (`x86-int8`), divided by the float model's; accuracy on the same samples.\n",
            *table(
                ("model", "ours / float", "quantize_static / float", "per channel / float", "ours / quantize_static",
                 "ours: drop, agreement", "quantize_static", "per channel"),
                [peer_row(name, row) for name, row in figures["classifiers"].items()],
            ),
            "\n## Pixels as input\n",
            "From a frame of 1280x720 to the outputs of the int8 model on this machine, without their decoding.\n",
            *table(
                ("model", "floats / pixels: times as fast"),
                [(name, f"{row['times_as_fast']:.2f}") for name, row in figures.get("pixels", {}).items()],
            ),
            "\n## Costs\n",
            *table(("", ""), [*cost_rows(figures)]),
            "",
        ]
    )  # fmt: skip


INTRODUCTION = """# Benchmarks

Made by `scripts/bench`, which also keeps the figures as JSON beside this page. All speeds are ratios between things
measured in turns in one run, on a shared machine with two cores: the ratios hold, absolute times would not. Accuracy is
paired, sample by sample, on the labelled samples of the optional test assets (`EDGE_SDK_ASSETS`), at the default budget
(drop at most 0.5 points, agreement at least 94 %). The peer has its documented preprocessing and defaults, and the same
calibration samples. What ARM cores compute, and in how many instructions, stands in
[arm-emulated/](arm-emulated/README.md).

[runtime.md](runtime.md) has what running costs beside the bare parts, made by `scripts/bench runtime`.

[quantize.md](quantize.md) has edge-sdk beside all peers, made by `scripts/bench quantize`. That makes an environment
for each peer in `.peers/`, from the pinned lists in [peers/](peers/README.md): about 4 GB in all, TensorFlow the
most. Peers are only measured, nothing of the project depends on them. `--models` and `--peers` choose, `--no-write`
only prints. A whole run takes an hour or two on two cores and should have the machine for itself; an interrupted one
goes on when it is called again, as what has been quantized is kept, and `--fresh` starts over. To add a peer: one
module in `scripts/benchmarks/peers/`, its pins, and a line in `scripts/benchmarks/contenders.py`.

"""


def accuracy_row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    """Return a line of the table of accuracy."""
    if "refused" in row:
        return (name, row["refused"], *[""] * 8)
    low, high = row["drop_interval"]
    return (
        name, str(row["samples"]), f"{row['float']:.1f} %", f"{row['drop_points']:+.2f}", f"{low:+.2f} to {high:+.2f}",
        f"{row['agreement']:.1%}", f"{row['size_ratio']:.1%}", f"{row['integer_share']:.1%}",
        str(row["layers_returned"]), f"{row['quantize_seconds']:.0f}",
    )  # fmt: skip


def peer_row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    """Return a line of the table of peers."""
    if "refused" in row:
        return (name, *[""] * 7)
    latency, peers = row["latency_ratio_to_float"], row["peers"]
    ours = next(ratio for family, ratio in latency.items() if family.endswith("int8"))
    told = [f"{one['drop_points']:+.2f}, {one['agreement']:.1%}" for one in [row, *peers.values()]]
    ratios = [ours, *(latency[peer] for peer in peers), row["latency_ratio_to_quantize_static"]]
    return (name, *(f"{ratio:.2f}" for ratio in ratios), *told)


def cost_rows(figures: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the figures of memory, start-up and the runtime."""
    for name, megabytes in figures["calibration_memory"].items():
        yield f"calibrating {name} with 200 samples, memory above the loaded model", f"{megabytes:.0f} MB"
    times = figures["command_line"]
    for name, seconds in times.items():
        yield f"start-up: {name.removesuffix(', s')}", f"{seconds:.3f} s"
    extra = times["edge_sdk.runtime too, s"] - times["numpy, onnxruntime, cv2, s"]
    yield "importing edge_sdk.runtime, beyond those three", f"{extra:.3f} s"
    if figures["runtime"]:
        yield "the wrapper's own time a frame, p50", f"{figures['runtime']['stages']['own']['p50_ms']:.3f} ms"
