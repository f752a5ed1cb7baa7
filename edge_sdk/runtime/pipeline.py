"""One sample through preprocess, session and decode: the same steps for a run, for a benchmark, and from Python."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError
from edge_sdk.files import sha256_hex, sha256_of_file
from edge_sdk.preprocess import Preprocess, prepare_image, prepare_window
from edge_sdk.profiles import DeviceProfile, Family, detect_profile
from edge_sdk.runtime.frame import Outcome, Sample, Timings
from edge_sdk.runtime.memory import give_back
from edge_sdk.session import Session, SessionConfig, config_for, open_session
from edge_sdk.tasks import BOXED, Result, build_task
from edge_sdk.tensors import Array, Tensors, TensorSpec
from edge_sdk.transform import Transform

if TYPE_CHECKING:
    from edge_sdk.package import FileEntry, Manifest, ModelPackage


@dataclass(frozen=True, slots=True)
class Opened:
    """What a pipeline was opened from.

    Attributes:
        package: The package, which stays open.
        profile: The board.
        family: Which variant it is.
        score_threshold: The least score that was asked for; None is the package's.
        certified: Whether a certificate for this onnxruntime is required.
    """

    package: ModelPackage
    profile: DeviceProfile
    family: Family
    score_threshold: float | None
    certified: bool = False

    def open(self, package: ModelPackage) -> Pipeline:
        """Open another package, or this one again, in the same way; see `Pipeline.open`."""
        return Pipeline.open(package, self.profile, score_threshold=self.score_threshold, certified=self.certified)


class Pipeline:
    """A model with what comes before and after it; use it in `with`.

    Several threads may use it at once.

    Attributes:
        manifest: The contract of the model.
        session: The opened model.
        model: SHA-256 of the model's bytes.
        opened: What it was opened from; None if not from a package.
        refuses_nan: Whether a sample fails for which the model gives something that is no finite number.
        refused: How many samples have failed for that.

    Example:
        >>> with Pipeline.open(open_package("parts.edge")) as pipeline:  # doctest: +SKIP
        ...     print(pipeline(frame_bgr_hwc))
    """

    opened: Opened | None = None
    refuses_nan = False
    refused = 0

    def __init__(self, manifest: Manifest, model: bytes | Path, *, config: SessionConfig) -> None:
        """Open the model and run it once, so that the first sample does not pay for set-up.

        Args:
            manifest: What the model is for, and what happens before it.
            model: The serialized ONNX model, or its file.
            config: How it is opened.

        Raises:
            InputError: It is not a model that this onnxruntime can run, or not the model of this manifest.
            UnavailableError: A promised execution provider is not on this machine.
        """
        self.manifest = manifest
        self.session: Session = open_session(model, config, where=manifest.name)
        self.model = sha256_of_file(model) if isinstance(model, Path) else sha256_hex(model)
        self._steps = manifest.preprocess_for(self.model)
        self._task = build_task(manifest.task)
        if self._steps != Preprocess():
            self._require_one_input()
            self(self.example())
        give_back()

    @classmethod
    def open(
        cls,
        package: ModelPackage,
        profile: DeviceProfile | None = None,
        *,
        score_threshold: float | None = None,
        certified: bool = False,
    ) -> Pipeline:
        """Open the variant of a package that a board runs.

        Args:
            package: The package.
            profile: The board; None finds out what this machine is.
            score_threshold: For models of boxes: least score of a reported box, 0 to 1; None keeps the package's.
            certified: Whether a package without a certificate for this onnxruntime is refused.

        Raises:
            GateError: The package's certificate does not cover this onnxruntime, and its golden samples do not hold.
            InputError: The package has no variant for the board, it cannot be loaded, or its task has no threshold.
            UnavailableError: The board's execution providers are not on this machine.
        """
        manifest = _with_threshold(package.manifest, score_threshold)
        board = profile or detect_profile().profile
        family = package.manifest.family_for(board)
        with _as_file(package, package.manifest.variants[family].model) as model:
            pipeline = cls(manifest, model, config=config_for(board, family))
        if certified or package.manifest.certificate is not None:
            from edge_sdk.runtime.certified import check_certificate

            check_certificate(package, family, pipeline.session, required=certified)
        pipeline.opened = Opened(package, board, family, score_threshold, certified)
        return pipeline

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, data: Array | Tensors) -> Result:
        """Return what the model says about one sample's data (see `Sample.data`).

        Raises:
            InputError: The data does not fit the model.
        """
        return self.process(Sample(data, seq=0, captured_ns=monotonic_ns(), clock="arrival", source="")).value

    def process(self, sample: Sample, *, candidates_from: float | None = None) -> Outcome:
        """Take one sample the whole way.

        Args:
            sample: It.
            candidates_from: For boxes: from which score on candidates are told beside the result; None tells none.

        Raises:
            InputError: The sample does not fit the model.
        """
        start_ns = monotonic_ns()
        tensors, transform = self.prepare(sample.data)
        prepared_ns = monotonic_ns()
        outputs = self.session.run(tensors)
        if self.refuses_nan:
            self._require_numbers(outputs)
        inferred_ns = monotonic_ns()
        value, candidates = self._decode(outputs, transform, tensors, least=candidates_from)
        end_ns = monotonic_ns()
        return Outcome(
            seq=sample.seq,
            captured_ns=sample.captured_ns,
            clock=sample.clock,
            source=sample.source,
            model=self.model,
            value=value,
            labels=self.manifest.labels,
            timings=Timings(
                preprocess_ms=(prepared_ns - start_ns) / 1e6,
                infer_ms=(inferred_ns - prepared_ns) / 1e6,
                decode_ms=(end_ns - inferred_ns) / 1e6,
            ),
            age_ms=None if sample.clock == "file" else (end_ns - sample.captured_ns) / 1e6,
            candidates=candidates,
        )

    def _decode(
        self, outputs: Tensors, transform: Transform | None, inputs: Tensors, *, least: float | None
    ) -> tuple[Result, Result | None]:
        """Return the result, and the candidates from a score on; of those the result is the part above the threshold.

        Suppression takes the best boxes first, so weaker ones change nothing in it.
        """
        spec = self._task.spec
        if least is None or spec.kind not in BOXED:
            return self._task.decode(outputs, transform, inputs), None
        task = build_task(replace(spec, score_threshold=min(least, spec.score_threshold)))
        found: Any = task.decode(outputs, transform, inputs)
        return found.above(spec.score_threshold), found

    def prepare(self, data: Array | Tensors) -> tuple[Tensors, Transform | None]:
        """Turn a sample's data into the model's inputs.

        Returns:
            The inputs by name, and where a picture's pixels went.

        Raises:
            InputError: The data is not what the declared preprocessing takes.
        """
        name = self.session.inputs[0].name
        if self._steps.image is not None:
            tensor, transform = prepare_image(self._steps.image, _array(data, "a picture"))
            return {name: tensor}, transform
        if self._steps.window is not None:
            window = _array(data, "a window")
            columns = window[:, np.newaxis] if window.ndim == 1 else window
            return {name: prepare_window(self._steps.window, columns)}, None
        tensors = data if isinstance(data, Mapping) else {name: data}
        specs = {spec.name: spec for spec in self.session.inputs}
        return {name: _tensor(array, specs.get(name)) for name, array in tensors.items()}, None

    def example(self, *, size_wh: tuple[int, int] | None = None) -> Array | Tensors:
        """Return data that fits the model: noise, always the same.

        Args:
            size_wh: Width and height of the picture, for a model that takes pictures; its own size if None.
        """
        noise = np.random.default_rng(0)
        if self._steps.image is not None:
            width, height = size_wh or self._steps.image.size_wh
            return noise.integers(0, 256, (height, width, 3), dtype=np.uint8)
        if self._steps.window is not None:
            return noise.standard_normal((self._steps.window.samples, len(self._steps.window.columns)))
        shapes = {spec: [size if isinstance(size, int) else 1 for size in spec.shape] for spec in self.session.inputs}
        return {spec.name: noise.random(shape).astype(spec.dtype) for spec, shape in shapes.items()}

    def _require_numbers(self, outputs: Tensors) -> None:
        for name, values in outputs.items():
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                self.refused += 1
                got = "NaN" if np.isnan(values).any() else "infinite ones"
                raise InputError(f"{self.manifest.name}: expected finite numbers in {name}, got {got}")

    def _require_one_input(self) -> None:
        count = len(self.session.inputs)
        if count != 1:
            raise InputError(f"{self.manifest.name}: expected one input for the declared preprocessing, got {count}")

    def close(self) -> None:
        """Give the model's memory back; closing twice is harmless."""
        self.__dict__.pop("session", None)
        give_back()


def _array(data: Array | Tensors, wanted: str) -> Array:
    if isinstance(data, Mapping):
        raise InputError(f"sample: expected {wanted}, got tensors by name ({', '.join(data)})")
    return data


def _tensor(array: Array, spec: TensorSpec | None) -> Array:
    """Return an array as the model takes it, where only the batch axis or the width of the numbers differs."""
    if spec is None:
        return array
    whole = array[np.newaxis] if array.ndim == len(spec.shape) - 1 else array
    return whole.astype(spec.dtype, copy=False) if np.can_cast(whole.dtype, spec.dtype, "same_kind") else whole


@contextmanager
def _as_file(package: ModelPackage, entry: FileEntry) -> Iterator[Path]:
    """Lend a file of a package as a file of its own, in memory: nothing is left of it, however the process ends.

    onnxruntime lets go of Python's lock while it opens a model from a file, and holds it if it is given bytes.
    """
    with os.fdopen(os.memfd_create(entry.name), "wb") as file:
        package.copy(entry, file)
        file.flush()
        yield Path(f"/proc/self/fd/{file.fileno()}")


def _with_threshold(manifest: Manifest, score_threshold: float | None) -> Manifest:
    if score_threshold is None:
        return manifest
    if manifest.task.kind not in BOXED:
        raise InputError(f"score_threshold: expected a model of boxes, got {manifest.task.kind}")
    return replace(manifest, task=replace(manifest.task, score_threshold=score_threshold))
