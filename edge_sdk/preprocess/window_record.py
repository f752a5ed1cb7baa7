"""The declaration of windows: how rows of sensor values become tensors, in calibration and on the board alike."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from edge_sdk.errors import InputError
from edge_sdk.preprocess.features_record import Features, Spectrogram

_SINCE_SCHEMA_1 = ("columns", "samples", "hop", "normalize", "mean", "std", "layout")
_NORMALIZE_SINCE_SCHEMA_1 = frozenset({"none", "fixed", "window"})


@dataclass(frozen=True, slots=True)
class WindowSteps:
    """How rows of sensor values become tensors: fill gaps, bring to the rate, cut, normalize, take features.

    Attributes:
        columns: Names of the sensor columns, in the order of the model's channels.
        samples: Rows in a window, or 0 where `seconds` tells it.
        hop: Rows from the start of a window to the start of the next, or 0 where `hop_seconds` tells it.
        normalize: `none`; `fixed` subtracts `mean` and divides by `std`; `window` does so with the window's own; `max`
            divides by the window's largest value, `peak` by its largest magnitude.
        mean: For `fixed`: one value, or one a column.
        std: For `fixed`: one value, or one a column.
        layout: `channels-first` gives [1, columns, …], `channels-last` [1, …, columns]; `no-channels`, of one column,
            [1, …].
        rate_hz: Rows a second that the model was trained with; rows of another rate are resampled. None takes any rate.
        seconds: Length of a window, as an alternative to `samples`.
        hop_seconds: From the start of a window to the start of the next, as an alternative to `hop`.
        gap: Where rows are missing: `restart` the window behind them; `hold` the row before, or `interpolate`, up to
            `gap_rows` of them, and restart behind more.
        gap_rows: The most missing rows in a row that are filled, at the sensor's rate.
        features: A vector of each window instead of its rows; see `Features`.
        spectrogram: Frames over frequency instead of rows; see `Spectrogram`.
    """

    columns: tuple[str, ...]
    samples: int = 0
    hop: int = 0
    normalize: Literal["none", "fixed", "window", "max", "peak"] = "none"
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    layout: Literal["channels-first", "channels-last", "no-channels"] = "channels-first"
    rate_hz: float | None = None
    seconds: float | None = None
    hop_seconds: float | None = None
    gap: Literal["restart", "hold", "interpolate"] = "restart"
    gap_rows: int = 0
    features: Features | None = None
    spectrogram: Spectrogram | None = None

    def __post_init__(self) -> None:
        """Check the values, and fill in what seconds tell.

        Raises:
            InputError: A size, a rate or a number of values is impossible, or two values contradict each other.
        """
        if not self.columns:
            raise InputError("columns: expected at least one column, got none")
        if self.rate_hz is not None and not self.rate_hz > 0:
            raise InputError(f"rate_hz: expected more than 0, got {self.rate_hz}")
        self._fill("samples", "seconds")
        self._fill("hop", "hop_seconds")
        if self.samples < 1 or self.hop < 1:
            raise InputError(f"samples, hop: expected at least 1, got {self.samples} and {self.hop}")
        _check_scale(self.mean, self.std, len(self.columns))
        if (self.gap == "restart") != (self.gap_rows == 0) or self.gap_rows < 0:
            raise InputError(f"gap_rows: expected rows to fill for hold or interpolate only, got {self.gap_rows}")
        if self.layout == "no-channels" and len(self.columns) > 1:
            raise InputError(f"layout: expected one column for no-channels, got {len(self.columns)}")
        self._check_features()

    @property
    def is_of_schema_1(self) -> bool:
        """Whether a reader that knows only the first fields does the same."""
        later = [field for field in fields(self) if field.name not in _SINCE_SCHEMA_1]
        return (
            all(getattr(self, field.name) == field.default for field in later)
            and self.normalize in _NORMALIZE_SINCE_SCHEMA_1
            and self.layout != "no-channels"
        )

    def _fill(self, rows: str, seconds: str) -> None:
        """Set a number of rows that was told in seconds."""
        told_s, told = getattr(self, seconds), getattr(self, rows)
        if told_s is None:
            return
        if self.rate_hz is None:
            raise InputError(f"{seconds}: expected rate_hz beside it, got none")
        count = round(told_s * self.rate_hz)
        if told not in {0, count}:
            raise InputError(f"{rows}: expected {count}, as {seconds} tells, got {told}")
        object.__setattr__(self, rows, count)

    def _check_features(self) -> None:
        if self.features is not None and self.spectrogram is not None:
            raise InputError("features, spectrogram: expected one of them, got both")
        if self.features is not None:
            _check_scale(self.features.mean, self.features.std, self.features.of_a_column * len(self.columns))
        if self.rate_hz is None and (self.spectrogram or (self.features and self.features.bands)):
            raise InputError("rate_hz: expected the rate of training, for frequencies, got none")
        if self.spectrogram is not None and self.samples < self.spectrogram.reach:
            raise InputError(f"samples: expected {self.spectrogram.reach} or more, for one frame, got {self.samples}")


def _check_scale(mean: tuple[float, ...], std: tuple[float, ...], count: int) -> None:
    for name, values in (("mean", mean), ("std", std)):
        if len(values) not in {1, count}:
            raise InputError(f"{name}: expected 1 or {count} values, got {len(values)}")
    if 0 in std:
        raise InputError("std: expected values other than 0, got 0")
