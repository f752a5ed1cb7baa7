"""The manifest: what a package is, what each of its files must be, and which board runs which of them.

- The names of the files are such that no file system can confuse two of them or place one outside a folder.
- What a package may hold is bounded: files, bytes, and what a board's onnxruntime loads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from edge_sdk.errors import InputError, TrustError
from edge_sdk.files import is_safe_name, sha256_hex
from edge_sdk.preprocess import Preprocess
from edge_sdk.profiles import DeviceProfile, Family
from edge_sdk.tasks import TaskSpec
from edge_sdk.tensors import TensorSpec

SCHEMA = 3
"""The newest schema.

Since 2, variants may have preprocessing of their own, which a reader must not pass over; since 3, there are more tasks
and heads, and windows may have a rate, a rule for gaps, and features.
"""
MANIFEST_NAME = "manifest.json"
CERTIFICATE_NAME = "certificate.json"
_FIRST_KINDS = frozenset({"classification", "detection", "tensor"})
_FIRST_HEADS = frozenset({"", "boxes-scores", "yolov5", "yolov8", "end-to-end"})
_MAX_FILES = 256
_MAX_FILE_BYTES = (1 << 31) - 1  # protobuf, and so ONNX, ends here
_MAX_TOTAL_BYTES = (1 << 32) - (1 << 21)  # 32-bit offsets, less room for the manifest and the zip's own records
_MAX_NAME = 128
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of the package: its name inside, size and SHA-256 (lower-case hexadecimal)."""

    name: str
    sha256: str
    size_bytes: int

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: The digest is not a SHA-256, or the size is not one that a package can hold.
        """
        if not _SHA256.fullmatch(self.sha256):
            raise InputError(f"sha256: expected 64 lower-case hexadecimal digits, got {self.sha256[:80]!r}")
        if not 0 <= self.size_bytes <= _MAX_FILE_BYTES:
            raise InputError(f"size_bytes: expected 0 to {_MAX_FILE_BYTES}, got {self.size_bytes}")

    @classmethod
    def of(cls, name: str, data: bytes) -> FileEntry:
        """Return the entry of a file with these contents."""
        return cls(name, sha256_hex(data), len(data))


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What was measured of a variant against the float model.

    Attributes:
        metric: Name of the metric, empty without labels.
        float_value: Of the float model, in points of 100; None without labels.
        value: Of the variant, in points of 100; None without labels.
        drop_low: Lower end of the paired 95 % interval of the drop, in points; None without labels.
        drop_high: Upper end.
        agreement: Mean agreement with the float model, 0 to 1.
        samples: Number of samples measured.
    """

    metric: str
    float_value: float | None
    value: float | None
    drop_low: float | None
    drop_high: float | None
    agreement: float
    samples: int


@dataclass(frozen=True, slots=True)
class Variant:
    """The model for one family of boards.

    Attributes:
        model: The ONNX file.
        opset: Its ai.onnx operator set.
        ir: Its ONNX IR version.
        integer_share: Share of multiply-accumulates in integer kernels by the board's plan, 0 to 1.
        accuracy: What was measured; None for the float model itself.
        golden: NPZ with `input:NAME` and `output:NAME` arrays, stacked over samples on a new first axis.
        min_snr_db: Least signal-to-noise ratio of the outputs on golden inputs, in dB, that a board must reach.
        preprocess: What happens before this variant, where it takes something else than the float model: pixels.
    """

    model: FileEntry
    opset: int
    ir: int
    integer_share: float
    accuracy: Accuracy | None
    golden: FileEntry
    min_snr_db: float
    preprocess: Preprocess | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the package comes from: digests and versions, enough to make it again."""

    source_sha256: str
    calibration_sha256: str
    calibration_samples: int
    profiles: tuple[str, ...]
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contract of a package.

    Attributes:
        name: The model's name: letters, digits, `.`, `_`, `-`.
        version: A counter, 1 or more.
        task: What the model is for.
        inputs: The float model's inputs, and those of each variant without preprocessing of its own.
        outputs: The model's outputs.
        labels: Class names by index, empty if unknown.
        preprocess: What happens before the float model, and each variant without preprocessing of its own.
        variants: The model by family; families that only newer versions know are kept as they are.
        provenance: Where it comes from.
        files: All other files (labels.txt, report.json, report.html).
        schema: The version of this document.
    """

    name: str
    version: int
    task: TaskSpec
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    labels: tuple[str, ...]
    preprocess: Preprocess
    variants: dict[str, Variant]
    provenance: Provenance
    files: tuple[FileEntry, ...] = field(default_factory=tuple)
    schema: int = 1

    def __post_init__(self) -> None:
        """Check what one field alone cannot say.

        Raises:
            InputError: The name cannot be a file name, the version is not positive, there is no variant, or the files
                are more than a package can hold.
            TrustError: Two files share a name, or a name could lead out of the package.
        """
        least = least_schema(self.task, self.preprocess, self.variants.values())
        if not least <= self.schema <= SCHEMA:
            raise InputError(f"schema: expected {least} to {SCHEMA}, got {self.schema}")
        if not is_safe_name(self.name):
            raise InputError(f"name: expected letters, digits, '.', '_', '-', got {self.name[:80]!r}")
        if self.version < 1:
            raise InputError(f"version: expected 1 or more, got {self.version}")
        if not self.variants:
            raise InputError("variants: expected at least one, got none")
        count, total_bytes = len(self.entries) + 1, sum(entry.size_bytes for entry in self.entries)
        if count > _MAX_FILES:
            raise InputError(f"files: expected at most {_MAX_FILES} with {MANIFEST_NAME}, got {count}")
        if total_bytes > _MAX_TOTAL_BYTES:
            raise InputError(f"files: expected at most {_MAX_TOTAL_BYTES} bytes in all, got {total_bytes}")
        _check_names([entry.name for entry in self.entries])

    @property
    def entries(self) -> tuple[FileEntry, ...]:
        """All files but the manifest itself, in the order in which they lie in the package: by name."""
        of_variants = [entry for variant in self.variants.values() for entry in (variant.model, variant.golden)]
        return tuple(sorted((*of_variants, *self.files), key=lambda entry: entry.name))

    @property
    def certificate(self) -> FileEntry | None:
        """The record of a comparison of engines (`edge_sdk.package.certificate`); None if there is none."""
        return next((entry for entry in self.files if entry.name == CERTIFICATE_NAME), None)

    def preprocess_for(self, model: str) -> Preprocess:
        """Return what happens before the model with this SHA-256; a model of another package gets the float model's."""
        own = (variant.preprocess for variant in self.variants.values() if variant.model.sha256 == model)
        return next(own, None) or self.preprocess

    def family_for(self, profile: DeviceProfile) -> Family:
        """Return the best of the package's variants that the board runs.

        Raises:
            InputError: The package has none, or it is newer than the board's onnxruntime.
        """
        family = next((family for family in profile.families if family in self.variants), None)
        if family is None:
            raise InputError(
                f"{self.name}: expected a variant for {profile.name} ({', '.join(profile.families)}), "
                f"got {', '.join(self.variants)}",
                hint=f"quantize again with --profile {profile.name}",
            )
        variant, system = self.variants[family], profile.system
        if variant.opset > system.max_opset or variant.ir > system.max_ir:
            raise InputError(
                f"{self.name}: expected at most opset {system.max_opset} and IR {system.max_ir} for {profile.name} "
                f"(onnxruntime {system.onnxruntime}), got opset {variant.opset} and IR {variant.ir} in {family}",
                hint="export the model with an older opset and quantize it again",
            )
        return family


def least_schema(task: TaskSpec, preprocess: Preprocess, variants: Iterable[Variant]) -> int:
    """Return the oldest schema whose readers run these variants rightly."""
    if preprocess.window is not None and not preprocess.window.is_of_schema_1:
        return 3
    if task.kind not in _FIRST_KINDS or task.head not in _FIRST_HEADS:
        return 3
    return 1 if all(variant.preprocess is None for variant in variants) else 2


def _check_names(names: list[str]) -> None:
    for name in names:
        if not _is_entry_name(name):
            raise TrustError(
                f"files: expected names of lower-case letters, digits, '.', '_', '-', with '/' between, "
                f"got {name[:_MAX_NAME]!r}"
            )
    taken = {MANIFEST_NAME, *_folders(names)}
    for name in names:
        if name in taken:
            raise TrustError(f"files: expected each name once, as a file or as a folder, got {name!r} again")
        taken.add(name)


def _is_entry_name(name: str) -> bool:
    """Lower case only, since some file systems take `A` and `a` for one name; and some drop a dot at the end."""
    parts = name.split("/")
    return (
        len(name) <= _MAX_NAME
        and name == name.lower()
        and all(is_safe_name(part) and not part.endswith(".") for part in parts)
    )


def _folders(names: Iterable[str]) -> set[str]:
    return {name[:at] for name in names for at, letter in enumerate(name) if letter == "/"}
