"""benchmarks/quantize.md: the figures and the verdicts as a page; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.benchmarks.figures import Figures, ModelFigures
from scripts.benchmarks.tables import table
from scripts.benchmarks.verdicts import GOALS, judge

INTRODUCTION = """# Beside other quantizers

Made by `scripts/bench quantize`; [README](README.md) tells how to run it. One run on one machine: each tool in its own
environment ([versions](peers/)), with the same calibration samples as the same numbers, and one process a job.

How to read it:

- **drop** is the float model's score in onnxruntime less the contender's, in points, with its 95 % interval, paired
  sample by sample. `top-1` for classifiers, COCO's `AP50-95` for detectors. A negative drop is a gain.
- **agreement** is the share of samples with the float model's answer (detectors: F1 of matching boxes).
- **latency** is the median time of an inference divided by the float model's in onnxruntime: all contenders stay
  loaded, take turns, and have the same number of threads. ONNX files run in the same onnxruntime, opened in the same
  way; other runtimes by their own call, with what it costs to hand over the input. edge-sdk's files may take
  pixels, which saves the normalizing that all others leave to somebody else, untimed here.
- **s** is the wall time of the whole command that quantizes, with loading, conversion and search, and **MB** the peak
  memory of its processes. edge-sdk's includes reading and resizing the pictures and measuring what it made; the peers
  get prepared numbers. Tools that hold a budget of accuracy see the same labelled samples as edge-sdk does.
- Where a tool gives no result, the table has the tool's own last words.

What speeds depend on: x86 processors multiply unsigned by signed bytes, so U8S8 files (what onnx-neural-compressor
makes, and `quantize_static` where it is told to) run faster here than S8S8, which `quantize_static` takes by default
and which suits ARM. `edge-sdk for raspberry-pi-5` is made for ARM too: compare its accuracy here, and take speed from
the row of this machine's family. ncnn's float is measured because no package of PyPI makes its int8. A free batch
axis is 1 in the file that everyone gets. Detectors have their decoding in the graph, as exporters append it.

"""


def page(figures: Sequence[ModelFigures], facts: Mapping[str, Any], source: str) -> str:
    """Return the page.

    Args:
        figures: What was measured.
        facts: Date, profile, machine, versions and command of the run.
        source: The JSON file, relative to the page.
    """
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    lines = [
        f"Measured {facts['date']} on {facts['profile']}, {facts['cores']} cores, {facts['threads']} threads "
        f"({versions}): [{source}]({source}).\n",
        "## What edge-sdk set out to reach\n",
        *table(("model", *GOALS), (verdict_row(one) for one in figures)),
    ]
    for one in figures:
        lines += ["", *model_section(one)]
    return INTRODUCTION + "\n".join(lines) + "\n"


def verdict_row(figures: ModelFigures) -> tuple[str, ...]:
    """Return the line of one model in the table of goals."""
    words = {True: "reached", False: "**missed**", None: "not judged"}
    return (figures.model, *(f"{words[one.reached]}: {one.because}" for one in judge(figures).values()))


def model_section(figures: ModelFigures) -> Iterator[str]:
    """Yield the lines of one model."""
    yield f"## {figures.model}\n"
    score = f"{figures.metric} {figures.float_value:.2f}" if figures.float_value is not None else "no labels"
    yield f"Float model: {score} on {figures.samples} samples, {figures.float_ms:.2f} ms on the day.\n"
    head = ("", "drop, points", "95 % interval", "agreement", "latency / float", "size / float", "s", "MB", "how")
    yield from table(head, (row(one) for one in figures.contenders))


def row(figures: Figures) -> tuple[str, ...]:
    """Return the line of one contender."""
    loss = figures.loss
    low, high = loss.interval if loss and loss.interval else (None, None)
    return (
        f"**{figures.name}**" if figures.kind == "edge-sdk" else figures.name,
        _told(loss and loss.points, "{:+.2f}"),
        f"{low:+.2f} to {high:+.2f}" if low is not None else "",
        _told(loss and loss.agreement, "{:.1%}"),
        _told(figures.latency_ratio, "{:.2f}"),
        _told(figures.size_ratio, "{:.0%}"),
        _told(figures.seconds, "{:.0f}"),
        _told(figures.peak_bytes and figures.peak_bytes / 1e6, "{:.0f}"),
        figures.note.replace("|", "/"),
    )


def _told(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)
