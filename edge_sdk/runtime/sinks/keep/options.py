"""What the address of a folder may ask for: `keep:FOLDER?max_mb=500&blur=person`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.package import Manifest
from edge_sdk.runtime.kept.record import How, Reason
from edge_sdk.tasks import BOXED

WHOLE, ALL_BOXES = "whole", "all-boxes"
_GREATEST_QUALITY = 100


@dataclass(frozen=True, slots=True)
class KeepOptions:
    """What is kept, how much of it, and how it looks.

    Attributes:
        max_mb: Megabytes (10^6 bytes) that the folder takes on disk at most.
        why: The reasons, with commas between; each has its share of the folder and of the rate.
        per_hour: Samples an hour that are kept at most, in the time of their capture.
        gap_s: Least seconds between two samples of one source that are looked at for one reason.
        margin: How near to another answer is a low margin: of two classes' probabilities, of a box's score to the
            threshold, or of an anomaly's score as a share of its threshold.
        novelty: By how many grey levels of 255 a picture differs from all that were seen, in the root mean square.
        one_in: One of so many samples is kept by chance.
        blur: Classes whose boxes are made unreadable, with commas between (numbers, where the package has no names), or
            `all-boxes`, or `whole`; empty for none.
        how: What is left of a blurred area.
        format: Of pictures.
        quality: Of their JPEG, 1 to 100.
    """

    max_mb: float = 500.0
    why: str = ",".join(get_args(Reason))
    per_hour: float = 120.0
    gap_s: float = 1.0
    margin: float = 0.1
    novelty: float = 10.0
    one_in: int = 1000
    blur: str = ""
    how: How = "blur"
    format: Literal["jpg", "png"] = "jpg"
    quality: int = 95

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: One is out of its range, or there is no such reason.
        """
        for name in ("max_mb", "per_hour", "margin", "novelty", "one_in"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}: expected more than 0, got {getattr(self, name):g}")
        if not self.gap_s >= 0:
            raise InputError(f"gap_s: expected 0 or more, got {self.gap_s:g}")
        if not 1 <= self.quality <= _GREATEST_QUALITY:
            raise InputError(f"quality: expected 1 to 100, got {self.quality}")
        for word in self.why.split(","):
            if word not in get_args(Reason):
                known = list(get_args(Reason))
                near = records.near_match(word, known)
                raise InputError(f"why: expected some of {', '.join(known)}, got '{word}'{near}")

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The reasons, each once."""
        wanted = self.why.split(",")
        return tuple(reason for reason in get_args(Reason) if reason in wanted)

    @property
    def blurs_boxes(self) -> bool:
        """Whether what is found decides what is blurred."""
        return self.blur not in {"", WHOLE}

    def require_fit(self, manifest: Manifest, *, where: str) -> None:
        """Check that a model's samples can be kept so.

        Raises:
            InputError: The model takes neither pictures nor windows, or has no such boxes to blur.
        """
        steps, labels = manifest.preprocess, manifest.labels
        if steps.image is None and steps.window is None:
            raise InputError(f"{where}: expected a model of pictures or of windows, got one of tensors")
        if self.blur and steps.image is None:
            raise InputError(f"{where}: expected a model of pictures for blur={self.blur}, got one of sensor values")
        if not self.blurs_boxes:
            return
        if manifest.task.kind not in BOXED:
            raise InputError(
                f"{where}: expected a model of boxes for blur={self.blur}, got {manifest.task.kind}",
                hint=f"blur={WHOLE} blurs the whole picture",
            )
        for word in self.blur.split(","):
            if word != ALL_BOXES and word not in labels and (labels or not word.isdecimal()):
                near = records.near_match(word, list(labels))
                names = "classes" if labels else "numbers of classes"
                raise InputError(
                    f"{where}: expected {names} of {manifest.name} to blur, got '{word}'{near}",
                    hint=f"blur={ALL_BOXES} blurs whatever is found, blur={WHOLE} the whole picture",
                )
