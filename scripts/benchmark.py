"""Measures what edge-sdk claims, beside onnxruntime's own quantizer, in one run; called by scripts/bench.

Every figure of speed is a ratio between two things measured in turns in the same process, so that a busy machine slows
both. Accuracy is paired: the same samples through both. The figures go to benchmarks/<profile>/<date>.json, with the
command and the versions, and as a table to benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import itertools
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

import edge_sdk
from edge_sdk.package import ModelPackage, open_package
from edge_sdk.profiles import detect_profile
from edge_sdk.quantize.data import Samples, read_samples
from edge_sdk.quantize.material import Material
from edge_sdk.quantize.measure import Evaluation
from edge_sdk.runtime import Pipeline
from edge_sdk.session import Session, host_config, open_session

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
ASSETS = Path(os.environ.get("EDGE_SDK_ASSETS", ROOT.parent / "shared/assets"))
CLI = Path(sys.executable).parent / "edge-sdk"
ROUNDS, RUNS, FRAMES = 9, 12, 300


def main() -> None:
    """Measure, and write the figures down."""
    parser = argparse.ArgumentParser(description="Measure edge-sdk beside onnxruntime's own quantizer, as ratios.")
    parser.add_argument("--models", nargs="*", help="names in benchmarks/models.toml; all if left out")
    parser.add_argument("--no-write", action="store_true", help="print the figures, keep nothing")
    arguments = parser.parse_args()
    profile = detect_profile().profile.name
    figures: dict[str, Any] = {
        "command": "scripts/bench",
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "profile": profile,
        "machine": {"cores": os.cpu_count(), "arch": platform.machine()},
        "versions": {
            "edge_sdk": edge_sdk.__version__,
            "python": platform.python_version(),
            "onnxruntime": onnxruntime.__version__,
            "onnx": onnx.__version__,
            "numpy": np.__version__,
        },
        "classifiers": {name: row for name, row in classifiers(arguments.models, profile)},
        "calibration_memory": calibration_memory(),
        "command_line": command_line(),
        "runtime": runtime(profile),
        "pixels": pixels(profile),
    }
    print(json.dumps(figures, indent=2))
    if not arguments.no_write:
        keep(figures)


def classifiers(names: list[str] | None, profile: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the figures of each classifier of the assets."""
    table = tomllib.loads((ROOT / "benchmarks/models.toml").read_text())
    for name in names or table:
        if not (ASSETS / table[name]["model"]).is_file():
            print(f"skipped {name}: no test assets in {ASSETS}", file=sys.stderr)
            continue
        print(f"measuring {name}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            yield name, classifier(table[name], profile, Path(folder))


def classifier(entry: dict[str, Any], profile: str, folder: Path) -> dict[str, Any]:
    """Return the figures of one classifier: ours for an ARM board and for this machine, and onnxruntime's own."""
    model = ASSETS / entry["model"]
    arguments = data_arguments(entry, folder)
    packages = {}
    start = time.perf_counter()
    for board in ("raspberry-pi-5", profile):
        packages[board] = folder / f"{board}.edge"
        call = [str(CLI), "quantize", str(model), "-p", board, *arguments, "-o", str(packages[board]), "--name", "m"]
        done = subprocess.run([*call, "--json"], capture_output=True, text=True, check=False)
        if done.returncode:
            return {"refused": done.stderr.strip(), "exit_code": done.returncode}
        if board == "raspberry-pi-5":
            seconds, report = time.perf_counter() - start, json.loads(done.stdout)
    package = open_package(packages["raspberry-pi-5"])
    peers = {
        "quantize_static": peer(model, package, arguments, folder / "peer.onnx", per_channel=False),
        "quantize_static per channel": peer(model, package, arguments, folder / "channel.onnx", per_channel=True),
    }
    family, here = open_package(packages[profile]).model_for(detect_profile().profile)
    sessions = {
        "float": open_session(model, host_config(), where="float"),
        family: open_session(here, host_config(), where=family),
        **{name: open_session(path, host_config(), where=name) for name, path in peers.items()},
    }
    latency = latencies(sessions)
    variant = report["variants"][0]
    accuracy = variant["accuracy"]
    return {
        "samples": accuracy["samples"],
        "float": round(accuracy["float_value"], 2),
        "drop_points": round(accuracy["float_value"] - accuracy["value"], 2),
        "drop_interval": [round(accuracy["drop_low"], 2), round(accuracy["drop_high"], 2)],
        "agreement": round(accuracy["agreement"], 4),
        "size_ratio": round(variant["size_ratio"], 4),
        "integer_share": round(variant["plans"][0]["integer_share"], 4),
        "layers_returned": len(variant["returned"]),
        "quantize_seconds": round(seconds, 1),
        "latency_ratio_to_float": {name: round(ms / latency["float"], 3) for name, ms in latency.items()},
        "latency_ratio_to_quantize_static": round(latency[family] / latency["quantize_static"], 3),
        "peers": {name: peer_accuracy(sessions[name], sessions["float"], package, entry, arguments) for name in peers},
    }


def data_arguments(entry: dict[str, Any], folder: Path) -> list[str]:
    """Return the options of `edge-sdk quantize` that name the data; what has to be cut first is written to `folder`."""
    flags = list(entry["flags"])
    if "arrays" in entry:
        arrays = np.load(ASSETS / entry["arrays"])
        for role in ("calibration", "eval"):
            chosen = arrays["role"] == role
            np.savez(folder / f"{role}.npz", x=arrays["x"][chosen], y=arrays["label"][chosen])
        return [*flags, "--calibration", f"{folder}/calibration.npz:x", "--evaluation", f"{folder}/eval.npz:x",
                "--labels", f"{folder}/eval.npz:y"]  # fmt: skip
    labels = ASSETS / entry["labels"]
    if "label_column" in entry:
        labels = renamed_labels(labels, entry["label_column"], folder / "labels.csv")
    if "window" in entry:
        steps = folder / "steps.toml"
        steps.write_text(
            f'[window]\ncolumns = ["x"]\nsamples = {entry["window"]}\nhop = {entry["window"]}\nnormalize = "window"\n'
        )
        flags += ["--preprocess", str(steps), "--evaluation", str(ASSETS / entry["evaluation"])]
    return [*flags, "--calibration", str(ASSETS / entry["calibration"]), "--labels", str(labels)]


def renamed_labels(path: Path, column: str, to: Path) -> Path:
    """Write a copy of a label file in which the named column is the label."""
    with path.open(newline="") as source, to.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["file", "label", "role"])
        writer.writerows([row["file"], row[column], row["role"]] for row in csv.DictReader(source))
    return to


class Reader(CalibrationDataReader):
    """Gives the calibration samples to onnxruntime's quantizer."""

    def __init__(self, samples: Samples) -> None:
        self._items = iter(samples)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next sample, or None."""
        item = next(self._items, None)
        return None if item is None else dict(item.tensors)


def peer(model: Path, package: ModelPackage, arguments: list[str], to: Path, *, per_channel: bool) -> Path:
    """Quantize with onnxruntime's own tool: documented preprocessing, defaults, the same samples."""
    prepared = to.with_suffix(".prepared.onnx")
    quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
    samples = calibration_of(package, arguments).spread(package.manifest.provenance.calibration_samples)
    quantize_static(str(prepared), str(to), Reader(samples), per_channel=per_channel)
    return to


def calibration_of(package: ModelPackage, arguments: list[str]) -> Samples:
    """Return the samples that the package was calibrated with."""
    data = arguments[arguments.index("--calibration") + 1]
    labels = arguments[arguments.index("--labels") + 1]
    if not labels.endswith(".csv"):
        return read_samples(data, package.manifest.preprocess, package.manifest.inputs)
    with Path(labels).open(newline="") as file:
        wanted = [Path(data) / row["file"] for row in csv.DictReader(file) if row["role"] == "calibration"]
    from edge_sdk.quantize.data import read_pictures

    return read_pictures(wanted, package.manifest.preprocess, package.manifest.inputs)


def peer_accuracy(
    session: Session, reference: Session, package: ModelPackage, entry: dict[str, Any], arguments: list[str]
) -> dict[str, float]:
    """Return agreement and drop of a peer's model on the samples that ours was measured on."""
    from edge_sdk.quantize.measure import run_all

    material = material_of(entry, arguments)
    blank = Evaluation(package.manifest.task, material.evaluation, material.truths, ())
    truth = Evaluation(blank.task, blank.samples, blank.truths, run_all(reference, blank, lambda _: None))
    accuracy = truth.measure(session, lambda _: None)
    return {
        "agreement": round(accuracy.agreement, 4),
        "drop_points": round((accuracy.float_value or 0) - (accuracy.value or 0), 2),
    }


def material_of(entry: dict[str, Any], arguments: list[str]) -> Material:
    """Return the samples and labels that `edge-sdk quantize` takes with these options."""
    from edge_sdk.profiles import load_profile
    from edge_sdk.quantize import ImageFlags, QuantRequest, preprocess_from_file
    from edge_sdk.quantize.material import choose_material
    from edge_sdk.quantize.source import open_source

    option = {name: value for name, value in itertools.pairwise(arguments) if name.startswith("--")}
    flags = {"normalize": option.get("--normalize"), "resize": option.get("--resize")}
    told = {name: value for name, value in flags.items() if value}
    steps = preprocess_from_file(Path(option["--preprocess"])) if "--preprocess" in option else None
    request = QuantRequest(
        model=ASSETS / entry["model"],
        profiles=(load_profile("raspberry-pi-5"),),
        calibration=option["--calibration"],
        preprocess=steps or (ImageFlags(**told) if told else None),
        labels=option["--labels"],
        evaluation=option.get("--evaluation"),
        name="m",
    )
    return choose_material(request, open_source(request))


def latencies(sessions: dict[str, Session]) -> dict[str, float]:
    """Return the median time of one inference in ms, measured in turns."""
    inputs = {name: noise(session) for name, session in sessions.items()}
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(ROUNDS):
        for name, session in sessions.items():
            times[name].append(median_ms(lambda name=name, session=session: session.run_bare(inputs[name])))
    return {name: statistics.median(values) for name, values in times.items()}


def noise(session: Session) -> dict[str, np.ndarray]:
    """Return inputs that fit a model, always the same."""
    random = np.random.default_rng(0)
    shapes = {spec: [size if isinstance(size, int) else 1 for size in spec.shape] for spec in session.inputs}
    return {spec.name: random.integers(0, 256, shape).astype(spec.dtype) for spec, shape in shapes.items()}


def median_ms(call: Callable[[], Any]) -> float:
    """Return the median time of a few calls, in ms."""
    values = []
    for _ in range(RUNS):
        start = time.perf_counter()
        call()
        values.append((time.perf_counter() - start) * 1e3)
    return statistics.median(values)


_MEMORY = """
import sys
from pathlib import Path
import numpy as np
from edge_sdk.quantize import families
from edge_sdk.quantize.calibrate import collect
from edge_sdk.quantize.clean import clean_model, load_model
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.measure import open_float

def peak():
    return next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmHWM")) / 1024

graph = Graph(clean_model(load_model(Path(sys.argv[1])), where="m", max_opset=21))
name = graph.inputs[0]
sample = {name: np.random.default_rng(0).standard_normal(graph.shapes[name], np.float32)}
session = open_float(graph)
session.run(sample)
before = peak()
collect(graph, families.tensors_to_calibrate(["arm-int8"], graph), lambda: (sample for _ in range(200)))
print(before, peak() - before)
"""


def calibration_memory() -> dict[str, float]:
    """Return how far calibrating with 200 samples raises the peak of memory above the loaded, run model, in MB."""
    figures = {}
    chosen = [ASSETS / f"models/{name}.onnx" for name in ("mobilenet_v2_1.0_224", "nanodet_m_416")]
    for path in [*chosen, ROOT / "examples/parts/detector.onnx"]:
        if path.is_file():
            call = [sys.executable, "-c", _MEMORY, str(path)]
            done = subprocess.run(call, capture_output=True, text=True, check=True)
            figures[path.stem] = round(float(done.stdout.split()[1]), 1)
    return figures


def command_line() -> dict[str, float]:
    """Return start-up times in seconds: the median of some fresh processes, in turns."""
    python = [sys.executable]
    calls = {
        "python": [*python, "-c", "pass"],
        "edge-sdk --help": [str(CLI), "--help"],
        "numpy, onnxruntime, cv2": [*python, "-c", "import numpy, onnxruntime, cv2"],
        "edge_sdk.runtime too": [*python, "-c", "import numpy, onnxruntime, cv2, edge_sdk.runtime"],
    }
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["OPENBLAS_NUM_THREADS"] = "1"  # NumPy's threads spin when it is imported, which has no part in this
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(2 * ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            subprocess.run(call, capture_output=True, check=True, env=environment)
            times[name].append(time.perf_counter() - start)
    return {f"{name}, s": round(statistics.median(values), 3) for name, values in times.items()}


def runtime(profile: str) -> dict[str, Any]:
    """Return what `edge-sdk bench` says of the demo detector on this machine."""
    examples = ROOT / "examples/parts"
    if not (examples / "detector.onnx").is_file():
        return {}
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "parts.edge"
        quantize = [str(CLI), "quantize", str(examples / "detector.onnx"), "-p", profile, "--calibration",
                    str(examples / "calibration"), "--resize", "letterbox", "--class-names",
                    str(examples / "labels.txt"), "-o", str(package)]  # fmt: skip
        subprocess.run(quantize, capture_output=True, check=True)
        call = [str(CLI), "bench", str(package), "--frames", "300", "--json"]
        done = subprocess.run(call, capture_output=True, text=True, check=True)
    return {"command": shlex.join(["edge-sdk", *call[1:2], "parts.edge", *call[3:]]), **json.loads(done.stdout)}


def pixels(profile: str) -> dict[str, dict[str, float]]:
    """Return how much sooner a frame's result is there if the variant takes pixels instead of normalized floats."""
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, call in picture_models(Path(folder)):
            print(f"measuring pixels of {name}", file=sys.stderr)
            packages = {kind: Path(folder) / f"{kind}.edge" for kind in ("float", "pixels")}
            for kind, package in packages.items():
                done = [str(CLI), "quantize", *call, "-p", profile, "--input", kind, "-o", str(package)]
                subprocess.run(done, capture_output=True, check=True)
            figures[name] = frame_to_result(packages)
    return figures


def picture_models(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the models of pictures: the demo's own, and those of the assets, each with what quantizing it takes."""
    parts = ROOT / "examples/parts"
    yield "demo_detector", [str(parts / "detector.onnx"), "--calibration", str(parts / "calibration"), "--resize",
                            "letterbox", "--class-names", str(parts / "labels.txt")]  # fmt: skip
    for name, entry in tomllib.loads((ROOT / "benchmarks/models.toml").read_text()).items():
        if entry.get("calibration", "").startswith("images/") and (ASSETS / entry["model"]).is_file():
            yield name, [str(ASSETS / entry["model"]), *data_arguments(entry, folder)]


def frame_to_result(packages: dict[str, Path]) -> dict[str, float]:
    """Return the median times in ms from a frame of 1280x720 to the outputs, measured in turns, and their ratio."""
    frame = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), dtype=np.uint8)
    times: dict[str, list[float]] = {kind: [] for kind in packages}
    with ExitStack() as stack:
        opened = {kind: stack.enter_context(Pipeline.open(open_package(path))) for kind, path in packages.items()}
        for _ in range(FRAMES):
            for kind, pipeline in opened.items():
                start = time.perf_counter()
                pipeline.session.run(pipeline.prepare(frame)[0])
                times[kind].append((time.perf_counter() - start) * 1e3)
    medians = {f"{kind}_ms": round(statistics.median(values), 3) for kind, values in times.items()}
    return {**medians, "times_as_fast": round(medians["float_ms"] / medians["pixels_ms"], 3)}


def keep(figures: dict[str, Any]) -> None:
    """Write the figures to benchmarks/, and the newest ones as tables to its README."""
    folder = ROOT / "benchmarks" / figures["profile"]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{figures['date']}.json"
    path.write_text(json.dumps(figures, indent=2) + "\n")
    (ROOT / "benchmarks/README.md").write_text(page(figures, path.relative_to(ROOT / "benchmarks")))
    print(f"wrote {path}", file=sys.stderr)


def page(figures: dict[str, Any], source: Path) -> str:
    """Return the page that shows the figures."""
    versions = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    return INTRODUCTION + "\n".join(
        [
            f"Measured {figures['date']} on {figures['profile']}, {figures['machine']['cores']} cores ({versions}): "
            f"[{source}]({source}).\n",
            "## Accuracy, size and plan (`arm-int8`, raspberry-pi-5)\n",
            *rows(
                ("model", "samples", "float", "drop, points", "95 % interval", "agrees with float", "size / float",
                 "work in integers", "layers in float", "s"),
                [accuracy_row(name, row) for name, row in figures["classifiers"].items()],
            ),
            "\n## Beside `onnxruntime.quantization.quantize_static`\n",
            "Latency on this machine (`x86-int8`), divided by the float model's; accuracy on the same samples.\n",
            *rows(
                ("model", "ours / float", "quantize_static / float", "per channel / float", "ours / quantize_static",
                 "ours: drop, agreement", "quantize_static", "per channel"),
                [peer_row(name, row) for name, row in figures["classifiers"].items()],
            ),
            "\n## Pixels as input\n",
            "From a frame of 1280x720 to the outputs of the int8 model on this machine, without their decoding.\n",
            *rows(
                ("model", "floats / pixels: times as fast"),
                [(name, f"{row['times_as_fast']:.2f}") for name, row in figures["pixels"].items()],
            ),
            "\n## Costs\n",
            *rows(("", ""), [*cost_rows(figures)]),
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

"""


def rows(head: tuple[str, ...], body: list[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in body:
        yield "| " + " | ".join(row) + " |"


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


if __name__ == "__main__":
    main()
