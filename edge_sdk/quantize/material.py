"""Which samples a quantization calibrates with, which it measures on, and what is true of those.

Samples that are scored are kept out of calibration as far as there are enough: a range that has seen its examination
papers flatters the variant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_sdk.errors import InputError
from edge_sdk.quantize.data import Samples, read_pictures, read_samples
from edge_sdk.quantize.labels import Labels, array_truths, box_truths, class_truths, read_labels
from edge_sdk.quantize.request import QuantRequest
from edge_sdk.quantize.source import Source
from edge_sdk.tasks import Truth

_EVALUATION_SAMPLES = 500
_LEAST_APART = 16
_ARRAYS = (".npz", ".npy")


@dataclass(frozen=True, slots=True)
class Material:
    """The samples of a quantization.

    Attributes:
        calibration: To measure ranges with.
        evaluation: To measure the variants on.
        truths: Labels of the evaluation samples, or None.
        describe: Where the evaluation samples come from.
        notes: What a user should know of the choice.
    """

    calibration: Samples
    evaluation: Samples
    truths: Sequence[Truth] | None
    describe: str
    notes: tuple[str, ...] = ()


def choose_material(request: QuantRequest, source: Source) -> Material:
    """Open the samples and labels of a request.

    Raises:
        InputError: Data or labels cannot be read, do not fit each other, or do not fit the model.
    """
    everything = read_samples(request.calibration, source.preprocess, source.inputs)
    if request.labels is not None and not _is_array(request.labels):
        return _labelled_files(request, source, everything)
    if request.evaluation is not None:
        chosen = read_samples(request.evaluation, source.preprocess, source.inputs)
        truths = _of_array(request.labels, source, len(chosen)) if request.labels is not None else None
        calibration = everything.spread(request.calibration_samples)
        return Material(calibration, chosen, truths, Path(request.evaluation).name)
    if request.labels is not None:
        raise InputError(
            f"{request.labels}: expected the samples of these labels, got none", hint="give them with --evaluation DATA"
        )
    return _split(request, everything)


def _labelled_files(request: QuantRequest, source: Source, everything: Samples) -> Material:
    folders = [path for text in (request.evaluation, request.calibration) if text and (path := Path(text)).is_dir()]
    labels = read_labels(Path(request.labels or ""), folders)
    chosen = read_pictures(labels.files, source.preprocess, source.inputs)
    truths = _of_files(labels, source)
    most, name = request.calibration_samples, Path(labels.where).name
    if labels.calibration:
        calibration = read_pictures(labels.calibration, source.preprocess, source.inputs).spread(most)
        return Material(calibration, chosen, truths, name)
    scored = {path.resolve() for path in labels.files}
    apart = [i for i, path in enumerate(everything.names) if Path(path).resolve() not in scored]
    if len(apart) == len(everything) or len(apart) >= _LEAST_APART:
        return Material(everything.pick(apart).spread(most), chosen, truths, name)
    note = "calibration and evaluation share samples: what is measured flatters the variant a little"
    return Material(everything.spread(most), chosen, truths, name, (note,))


def _split(request: QuantRequest, everything: Samples) -> Material:
    """Calibrate with every other sample and measure on the rest, where there are enough for both."""
    name = Path(request.calibration).name
    if len(everything) < 2 * _LEAST_APART:
        note = "too few samples to keep some apart: agreement is measured on the calibration samples"
        return Material(everything, everything, None, name, (note,))
    calibration = everything.pick(range(0, len(everything), 2)).spread(request.calibration_samples)
    return Material(calibration, everything.pick(range(1, len(everything), 2)).spread(_EVALUATION_SAMPLES), None, name)


def _of_files(labels: Labels, source: Source) -> list[Truth]:
    if source.task.kind == "detection":
        return box_truths(labels, source.class_names)
    if source.task.kind == "classification":
        return class_truths(labels, source.class_names, _classes(source))
    raise InputError(
        f"{labels.where}: expected a classification or detection to score labels, got a model of no known task",
        hint="say --task classification or --task detection, and --class-names FILE",
    )


def _of_array(labels: str, source: Source, samples: int) -> list[Truth]:
    truths = array_truths(labels, _classes(source))
    if len(truths) != samples:
        raise InputError(f"{labels}: expected {samples} labels, one a sample, got {len(truths)}")
    return truths


def _classes(source: Source) -> int:
    """Return the number of classes of a classifier's output."""
    sizes = [size for size in source.outputs[0].shape[1:] if isinstance(size, int)]
    return max(sizes, default=0)


def _is_array(labels: str) -> bool:
    return Path(labels.rpartition(":")[0] or labels).suffix in _ARRAYS
