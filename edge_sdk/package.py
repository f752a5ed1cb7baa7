"""The package `NAME-VERSION.edge`: one file for one model on every kind of board.

An uncompressed zip: `manifest.json` first, then the files that it names with size and SHA-256.

TO BE WRITTEN: write_package, open_package (see the records below, which are the contract).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_sdk.errors import InputError
from edge_sdk.files import is_safe_name
from edge_sdk.preprocess import Preprocess
from edge_sdk.profiles import DeviceProfile, Family
from edge_sdk.tasks import TaskSpec
from edge_sdk.tensors import TensorSpec

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of the package: its name inside, size and SHA-256 (lower-case hexadecimal)."""

    name: str
    sha256: str
    size_bytes: int


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
    """

    model: FileEntry
    opset: int
    ir: int
    integer_share: float
    accuracy: Accuracy | None
    golden: FileEntry
    min_snr_db: float


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
        inputs: The model's inputs, the same in each variant.
        outputs: The model's outputs.
        labels: Class names by index, empty if unknown.
        preprocess: What happens before the model.
        variants: The model by family.
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
    variants: dict[Family, Variant]
    provenance: Provenance
    files: tuple[FileEntry, ...] = field(default_factory=tuple)
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        """Check what one field alone cannot say.

        Raises:
            InputError: The name cannot be a file name, the version is not positive, or there is no variant.
        """
        if not is_safe_name(self.name):
            raise InputError(f"name: expected letters, digits, '.', '_', '-', got '{self.name}'")
        if self.version < 1:
            raise InputError(f"version: expected 1 or more, got {self.version}")
        if not self.variants:
            raise InputError("variants: expected at least one, got none")

    def family_for(self, profile: DeviceProfile) -> Family:
        """Return the best of the package's variants that the board runs.

        Raises:
            InputError: The package has none.
        """
        for family in profile.families:
            if family in self.variants:
                return family
        raise InputError(
            f"{self.name}: expected a variant for {profile.name} ({', '.join(profile.families)}), "
            f"got {', '.join(self.variants)}",
            hint=f"quantize again with --profile {profile.name}",
        )
