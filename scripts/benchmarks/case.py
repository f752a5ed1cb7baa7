"""One model with its samples prepared once, by edge-sdk's own code, so that everyone gets the same numbers."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_sdk.package import Accuracy
from edge_sdk.preprocess import Preprocess
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import ImageFlags, QuantRequest, class_names_from_file, preprocess_from_file
from edge_sdk.quantize.compare import compare
from edge_sdk.quantize.material import Material, choose_material
from edge_sdk.quantize.source import open_source
from edge_sdk.samples import Samples
from edge_sdk.session import host_config, open_session
from edge_sdk.tasks import LabelledBoxes, TaskSpec, Truth, build_task, for_scoring
from edge_sdk.tensors import Tensors
from edge_sdk.transform import Transform
from scripts.benchmarks.models import BenchModel
from scripts.benchmarks.peers.exchange import read_feeds


@dataclass(frozen=True, slots=True)
class Case:
    """A model to be quantized and measured by everyone.

    Attributes:
        model: The model, its data and options.
        calibration: Samples to measure ranges with, as `exchange` tells.
        evaluation: Samples and labels to measure on.
        task: What the model is for.
        truths: Labels in the source's own pixels; None if there are none.
        transforms: Where the pixels of each evaluated picture went; None for other samples.
        input_wh: Width and height of a picture that goes in; None for other samples.
    """

    model: BenchModel
    calibration: Path
    evaluation: Path
    task: TaskSpec
    truths: Sequence[Truth] | None
    transforms: tuple[Transform | None, ...]
    input_wh: tuple[int, int] | None

    def read_results(self, outputs: Path) -> list[Any]:
        """Return the results behind saved outputs, one a sample.

        Raises:
            InputError: The outputs are not those of the task.
        """
        return self.decode_all(read_feeds(outputs))

    def decode_all(self, outputs: Iterable[Tensors]) -> list[Any]:
        """Return the results behind the outputs of the evaluation samples, in their order.

        Raises:
            InputError: The outputs are not those of the task.
        """
        task = build_task(for_scoring(self.task))
        return [task.decode(one, transform) for one, transform in zip(outputs, self.transforms, strict=True)]

    def compare(self, reference: Sequence[Any], other: Sequence[Any]) -> Accuracy:
        """Return what one list of results loses against another, sample by sample."""
        return compare(build_task(self.task), reference, other, self.truths)


def prepare_case(model: BenchModel, folder: Path) -> Case:
    """Read the model's samples and write them for the peers."""
    request = request_of(model)
    source = open_source(request)
    material = choose_material(request, source)
    calibration, evaluation = folder / "calibration.npz", folder / "evaluation.npz"
    _write_feeds(calibration, material.calibration)
    transforms = _write_feeds(evaluation, material.evaluation)
    _append(evaluation, _truth_arrays(material.truths, transforms))
    wh = source.preprocess.image.size_wh if source.preprocess.image else None
    return Case(model, calibration, evaluation, source.task, material.truths, transforms, wh)


def material_of(model: BenchModel) -> Material:
    """Return the samples and labels that `edge-sdk quantize` takes with a model's options."""
    request = request_of(model)
    return choose_material(request, open_source(request))


def write_variant_samples(model: BenchModel, file: Path, preprocess: Preprocess, to: Path) -> None:
    """Write the evaluation samples as a variant takes them that has preprocessing of its own: as pixels."""
    request = request_of(model)
    inputs = open_session(file, host_config(), where=file.name).inputs
    variant = replace(open_source(request), preprocess=preprocess, inputs=inputs)
    _write_feeds(to, choose_material(request, variant).evaluation)


def request_of(model: BenchModel) -> QuantRequest:
    """Return the request that the command line would make of a model's options."""
    told = model.options
    flags: dict[str, Any] = {
        name: told[f"--{name}"] for name in ("normalize", "resize", "color") if f"--{name}" in told
    }
    steps = preprocess_from_file(Path(told["--preprocess"])) if "--preprocess" in told else None
    names = class_names_from_file(Path(told["--class-names"])) if "--class-names" in told else ()
    return QuantRequest(
        model=model.path,
        profiles=(load_profile("raspberry-pi-5"),),
        calibration=told["--calibration"],
        preprocess=steps or (ImageFlags(**flags) if flags else None),
        labels=told.get("--labels"),
        evaluation=told.get("--evaluation"),
        class_names=names,
        name="m",
    )


def _write_feeds(path: Path, samples: Samples) -> tuple[Transform | None, ...]:
    """Write samples one at a time; return their transforms."""
    transforms = []
    with zipfile.ZipFile(path, "w") as archive:
        for i, item in enumerate(samples):
            transforms.append(item.transform)
            for name, values in item.tensors.items():
                _add(archive, f"{i:06d}:{name}", values)
    return tuple(transforms)


def _append(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        for name, values in arrays.items():
            _add(archive, name, values)


def _add(archive: zipfile.ZipFile, name: str, values: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(values), allow_pickle=False)
    archive.writestr(f"{name}.npy", buffer.getvalue())


def _truth_arrays(truths: Sequence[Truth] | None, transforms: Iterable[Transform | None]) -> dict[str, np.ndarray]:
    """Return labels as arrays: class indices, or boxes in pixels of the model's input."""
    if not truths:
        return {}
    if not isinstance(truths[0], LabelledBoxes):
        return {"labels": np.array(truths, np.int64)}
    arrays = {}
    for i, (truth, transform) in enumerate(zip(truths, transforms, strict=True)):
        arrays[f"boxes:{i:06d}"] = transform.to_model(truth.xyxy) if transform else truth.xyxy
        arrays[f"classes:{i:06d}"] = truth.classes
    return arrays
