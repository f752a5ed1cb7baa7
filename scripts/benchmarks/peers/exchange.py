"""What goes between `scripts/bench quantize` and a peer in its own environment: one request in, one answer out.

- A peer is a module that is run as `MODULE quantize REQUEST.json` or `MODULE serve REQUEST.json`. It sees files only:
  the float model, and samples that edge-sdk has prepared, so that all peers calibrate with the same numbers.
- `quantize` writes `answer.json` into the request's folder: the file that it made, and a word on how.
- `serve` opens such a file and obeys its standard input, one line a time: `evaluate OUT.npz` writes the outputs of all
  evaluation samples, `time RUNS` gives the median of that many runs of the first sample in ms. Each is answered by one
  line of JSON behind a mark, for libraries print what they like.
- Samples lie in an npz as `000012:input`, one entry an input and sample, and are read one at a time: no peer is charged
  for memory that the exchange would have taken. Outputs lie in one as `000012:0`, in the model's order.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_sdk.tasks import LabelledBoxes, Task, TaskSpec, build_task, for_scoring
from edge_sdk.transform import Transform

MARK = "\x1eanswer "
"""What a line for the harness starts with."""

Feed = dict[str, np.ndarray]
Run = Callable[[Feed], list[np.ndarray]]


@dataclass(frozen=True, slots=True)
class Request:
    """What a peer is asked.

    Attributes:
        method: Which of its ways of quantizing.
        model: The float ONNX model.
        file: The file to serve; empty when quantizing.
        folder: Where it may write.
        calibration: Samples to measure ranges with.
        evaluation: Samples that the outcome is measured on; tools with a budget of accuracy see them, as edge-sdk does.
        task: What the model is for, as `TaskSpec` has it.
        input_wh: Width and height of a picture that goes in; none if there are no pictures.
        max_drop_points: The budget of tools that have one, in points of 100.
        threads: Threads of the runtime.
        limit_s: When it will be ended; a search should have ended by itself before.
    """

    method: str
    model: str
    file: str
    folder: str
    calibration: str
    evaluation: str
    task: dict[str, Any]
    input_wh: tuple[int, int] | None
    max_drop_points: float
    threads: int
    limit_s: float

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer made: the file, and a word on how."""

    file: str
    note: str = ""


def read_request(path: Path) -> Request:
    """Read a request."""
    return Request(**json.loads(path.read_text()))


def read_feeds(path: str | Path) -> Iterator[Feed]:
    """Yield the samples of an npz, one at a time."""
    with np.load(path) as arrays:
        names = [name.split(":", 1) for name in arrays.files if name[0].isdigit()]
        for index in sorted({index for index, _ in names}):
            yield {name: arrays[f"{index}:{name}"] for one, name in names if one == index}


def count_feeds(path: str | Path) -> int:
    """Return how many samples an npz has."""
    with np.load(path) as arrays:
        return len({name.split(":", 1)[0] for name in arrays.files if name[0].isdigit()})


def read_truths(path: str | Path) -> list[Any] | None:
    """Return the labels of the samples in an npz, boxes in pixels of the model's input; None if it has none."""
    with np.load(path) as arrays:
        if "labels" in arrays.files:
            return [int(label) for label in arrays["labels"]]
        boxes = [name for name in arrays.files if name.startswith("boxes:")]
        return [LabelledBoxes(arrays[name], arrays[name.replace("boxes:", "classes:")]) for name in boxes] or None


class Judge:
    """Scores and compares outputs in a peer's environment, by the same code as edge-sdk's own guard."""

    def __init__(self, request: Request) -> None:
        self._task: Task = build_task(for_scoring(TaskSpec(**request.task)))
        self._compared: Task = build_task(TaskSpec(**request.task))
        wh = request.input_wh
        self._transform = Transform(tuple(wh), tuple(wh), (1.0, 1.0), (0, 0)) if wh else None
        self._truths = read_truths(request.evaluation)

    @property
    def can_score(self) -> bool:
        """Whether there are labels."""
        return self._truths is not None

    def decode(self, outputs: list[np.ndarray]) -> Any:
        """Return the result of one sample."""
        return self._task.decode({str(i): np.asarray(array) for i, array in enumerate(outputs)}, self._transform)

    def score(self, results: list[Any]) -> float:
        """Return the metric of the evaluation samples, 0 to 1."""
        return self._task.score(results, self._truths or []).value / 100.0

    def agreement(self, reference: list[Any], other: list[Any]) -> float:
        """Return how far two lists of results agree, 0 to 1."""
        return float(np.mean([self._compared.agreement(a, b) for a, b in zip(reference, other, strict=True)]))


def save_outputs(run: Run, feeds: Iterator[Feed], path: str | Path) -> int:
    """Write the outputs of all samples; return how many samples there were."""
    arrays = {f"{i:06d}:{k}": values for i, feed in enumerate(feeds) for k, values in enumerate(run(feed))}
    np.savez(path, **arrays)
    return len({name[:6] for name in arrays})


def median_ms(run: Run, feed: Feed, runs: int) -> float:
    """Return the median time of a few runs, in ms."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run(feed)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def serve(run: Run, request: Request) -> None:
    """Obey the lines of the standard input until it ends."""
    first = next(read_feeds(request.evaluation))
    run(first)
    _say({"ready": True})
    for line in sys.stdin:
        order, _, value = line.strip().partition(" ")
        if order == "evaluate":
            _say({"samples": save_outputs(run, read_feeds(request.evaluation), value)})
        elif order == "time":
            _say({"median_ms": median_ms(run, first, int(value))})
        else:
            _say({"error": f"expected evaluate or time, got {order}"})


def run_peer(
    quantize: Callable[[Request], Answer] | None, open_file: Callable[[Path, Request], Run] | None = None
) -> None:
    """Be the program of a peer: `quantize REQUEST.json` or `serve REQUEST.json`."""
    order, path = sys.argv[1:]
    request = read_request(Path(path))
    if order == "quantize" and quantize:
        answer = quantize(request)
        (Path(request.folder) / "answer.json").write_text(json.dumps(asdict(answer)))
    elif order == "serve" and open_file:
        serve(open_file(Path(request.file), request), request)
    else:
        sys.exit(f"expected quantize or serve, as far as this peer has them, got {order}")


def _say(answer: dict[str, Any]) -> None:
    print(MARK + json.dumps(answer), flush=True)
