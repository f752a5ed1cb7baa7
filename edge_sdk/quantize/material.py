"""Which samples a quantization calibrates with, which it measures on, and what is true of those.

Samples that are scored are kept out of calibration as far as there are enough: a range that has seen its examination
papers flatters the variant. Where labels reserve samples for calibration (`role`), those are taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_sdk.errors import InputError
from edge_sdk.quantize.coco_labels import read_coco
from edge_sdk.quantize.labels import (
    NORMAL_OR_NOT,
    Labels,
    array_truths,
    box_truths,
    class_truths,
    map_truths,
    read_labels,
    value_truths,
)
from edge_sdk.quantize.request import QuantRequest
from edge_sdk.quantize.source import Source
from edge_sdk.samples import ARRAY_SUFFIXES, Samples, read_pictures, read_samples, split_key
from edge_sdk.tasks import Truth

_EVALUATION_SAMPLES = 500
_LEAST_APART = 16


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
    """Open the samples and labels of a request; without samples to calibrate with, those to measure on stand for both.

    Raises:
        InputError: Data or labels cannot be read, do not fit each other, or do not fit the model.
    """
    if request.calibration is None:
        return replace(choose_material(replace(request, calibration=request.evaluation), source), notes=())
    everything = read_samples(request.calibration, source.preprocess, source.inputs)
    if request.labels is not None and not _is_array(request.labels):
        return _labelled_files(request, source, everything)
    if request.evaluation is not None:
        chosen = read_samples(request.evaluation, source.preprocess, source.inputs)
        truths = _of_array(request.labels, source, len(chosen)) if request.labels is not None else None
        calibration, notes = _keep_apart(everything, chosen, request.calibration_samples)
        return Material(calibration, chosen, truths, Path(request.evaluation).name, notes)
    if request.labels is not None:
        raise InputError(
            f"{request.labels}: expected the samples of these labels, got none", hint="give them with --evaluation DATA"
        )
    return _split(request, everything)


def _labelled_files(request: QuantRequest, source: Source, everything: Samples) -> Material:
    if request.evaluation is not None and not Path(request.evaluation).is_dir():
        raise InputError(f"{request.evaluation}: expected the folder of the labelled files, got none")
    folders = [path for text in (request.evaluation, request.calibration) if text and (path := Path(text)).is_dir()]
    path = Path(request.labels or "")
    if path.suffix.lower() == ".json":
        files, truths = read_coco(path, folders, names=source.class_names, kind=source.task.kind)
        reserved: tuple[Path, ...] = ()
    else:
        labels = read_labels(path, folders)
        files, truths, reserved = labels.files, _of_files(labels, source), labels.calibration
    chosen = read_pictures(files, source.preprocess, source.inputs)
    calibration, notes = _keep_apart(everything, chosen, request.calibration_samples, reserved)
    return Material(calibration, chosen, truths, path.name, notes)


def _keep_apart(
    everything: Samples, scored: Samples, most: int, reserved: Iterable[Path] = ()
) -> tuple[Samples, tuple[str, ...]]:
    """Return what to calibrate with, and a note where that has to be what is scored."""
    taken, wanted = ({Path(name).resolve() for name in names} for names in (scored.names, reserved))
    places = [Path(name).resolve() for name in everything.names]
    apart = [i for i, place in enumerate(places) if place not in taken]
    kept = [i for i in apart if places[i] in wanted]
    if not kept and len(apart) < min(len(places), _LEAST_APART):
        note = "calibration and evaluation share samples: what is measured flatters the variant a little"
        return everything.spread(most), (note,)
    return everything.pick(kept or apart).spread(most), ()


def _split(request: QuantRequest, everything: Samples) -> Material:
    """Calibrate with every other sample and measure on the rest, where there are enough for both."""
    name = Path(request.calibration or "").name
    if len(everything) < 2 * _LEAST_APART:
        note = "too few samples to keep some apart: agreement is measured on the calibration samples"
        return Material(everything.spread(request.calibration_samples), everything, None, name, (note,))
    calibration = everything.pick(range(0, len(everything), 2)).spread(request.calibration_samples)
    return Material(calibration, everything.pick(range(1, len(everything), 2)).spread(_EVALUATION_SAMPLES), None, name)


def _of_files(labels: Labels, source: Source) -> list[Truth]:
    kind = source.task.kind
    if kind in {"detection", "instances"}:
        return box_truths(labels, source.class_names)
    if kind == "classification":
        return class_truths(labels, source.class_names, _classes(source))
    if kind == "anomaly":
        return class_truths(labels, NORMAL_OR_NOT, len(NORMAL_OR_NOT))
    if kind == "segmentation":
        return map_truths(labels)
    raise InputError(f"{labels.where}: expected a task that labels by file score, got {kind}", hint=_why_untold(source))


def _why_untold(source: Source) -> str:
    """Tell why a model that has labels may have no task."""
    if not source.class_names:
        return "say --task classification or --task detection, and --class-names FILE"
    shapes = ", ".join(f"{output.name} {output.describe()}" for output in source.outputs)
    return f"do the {len(source.class_names)} class names belong to {shapes}? a heading in their file counts as one"


def _of_array(labels: str, source: Source, samples: int) -> list[Truth]:
    kind = source.task.kind
    if kind not in {"classification", "anomaly", "forecast"}:
        raise InputError(
            f"{labels}: expected a task that an array of labels scores, got {kind}",
            hint="say --task classification, or give the boxes of a detection as a CSV",
        )
    classes = len(NORMAL_OR_NOT) if kind == "anomaly" else _classes(source)
    truths = value_truths(labels) if kind == "forecast" else array_truths(labels, classes)
    if len(truths) != samples:
        raise InputError(f"{labels}: expected {samples} labels, one a sample, got {len(truths)}")
    return truths


def _classes(source: Source) -> int:
    """Return the number of classes of a classifier's output."""
    sizes = [size for size in source.outputs[0].shape[1:] if isinstance(size, int)]
    return max(sizes, default=0)


def _is_array(labels: str) -> bool:
    return split_key(labels)[0].suffix.lower() in ARRAY_SUFFIXES
