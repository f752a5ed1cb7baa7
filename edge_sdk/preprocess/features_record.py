"""The declaration of features: what is computed of a window before the model, each parameter by its value.

Nothing is left to a library's default: two programs that say "MFCC" mean different numbers (scale of the mel bands,
shape of their triangles, kind of logarithm, scale of the cosine transform), and a model knows those of its training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_sdk.errors import InputError

Statistic = Literal[
    "mean",
    "std",
    "rms",
    "min",
    "max",
    "peak",
    "peak_to_peak",
    "mean_abs",
    "crest",
    "shape",
    "skewness",
    "kurtosis",
    "excess_kurtosis",
    "zero_crossings",
]
Taper = Literal["hann", "hamming", "ones"]
Log = Literal["none", "ln", "log10", "db"]
_MOST = 1 << 16
"""The most values along an axis: a bound on memory."""


@dataclass(frozen=True, slots=True)
class Bands:
    """The power of a column in bands of frequency: its periodogram, the mean taken away, summed within each band.

    Attributes:
        edges_hz: Ascending; a band from each to the next, the upper edge not within it.
        taper: What the window is multiplied with first.
        log: `none`, or the logarithm of each band's power; `db` is 10 times the decimal one.
        floor: The least power that a logarithm is taken of.
    """

    edges_hz: tuple[float, ...]
    taper: Taper = "hann"
    log: Log = "none"
    floor: float = 1e-10

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: The edges do not ascend, or the floor is not positive.
        """
        if len(self.edges_hz) < 2 or self.edges_hz[0] < 0 or list(self.edges_hz) != sorted({*self.edges_hz}):
            raise InputError(f"edges_hz: expected two or more that ascend from 0, got {list(self.edges_hz)}")
        if not self.floor > 0:
            raise InputError(f"floor: expected more than 0, got {self.floor}")


@dataclass(frozen=True, slots=True)
class Features:
    """A vector of a window: of each column its statistics, then its bands; then `(value - mean) / std`.

    Attributes:
        statistics: In the order of the model's input. `std` is the population's; `peak` the largest magnitude; `crest`
            peak / rms; `shape` rms / mean_abs; `kurtosis` of a normal distribution is 3, `excess_kurtosis` 0;
            `zero_crossings` the share of steps that change sign. Where a column stands still, ratios are 0.
        bands: Power by frequency.
        mean: Subtracted last; one value, or one a feature.
        std: Divided by then; one value, or one a feature.
    """

    statistics: tuple[Statistic, ...] = ()
    bands: Bands | None = None
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        """Check that there are features.

        Raises:
            InputError: There are none, or a deviation is 0.
        """
        if not self.of_a_column:
            raise InputError("statistics, bands: expected at least one feature, got none")
        if 0 in self.std:
            raise InputError("std: expected values other than 0, got 0")

    @property
    def of_a_column(self) -> int:
        """How many features a column has."""
        return len(self.statistics) + (len(self.bands.edges_hz) - 1 if self.bands else 0)


@dataclass(frozen=True, slots=True)
class Spectrogram:
    """Frames of a column over frequency: bins, mel bands, or cepstral coefficients; then `(value - mean) / std`.

    Attributes:
        frame: Samples of a frame.
        hop: Samples from a frame to the next.
        fft: Samples of the Fourier transform, the rest zeros; 0 means `frame`.
        align: Where a frame lies in the longer transform: at its `start` (TensorFlow) or `centre` (librosa).
        pad: What half a transform before the first and behind the last sample is: `none` adds nothing.
        taper: What a frame is multiplied with; the periodic form.
        power: 1 for magnitudes, 2 for powers.
        mels: Mel bands; 0 keeps the transform's bins.
        min_hz: Lower edge of the first mel band.
        max_hz: Upper edge of the last one; half the rate if None.
        scale: Which mel scale.
        triangles: Whether the bands are triangles over `hz` (librosa) or over `mel` (TensorFlow, HTK).
        norm: `slaney` divides each band by its width.
        log: The logarithm; `db` is 10 times the decimal one of powers, 20 times that of magnitudes.
        floor: The least value that a logarithm is taken of.
        floor_by: Whether smaller values are lifted to the floor (`max`) or the floor is added to all (`add`).
        top_db: What lies more below the largest value is lifted to that; for `db` only.
        coefficients: Coefficients of the cosine transform (MFCC); 0 for none.
        dct: Scale of the cosine transform: `ortho` (librosa), or `htk` (TensorFlow: the first one as the others).
        order: `time-first` gives [frames, bands], `bands-first` [bands, frames].
        mean: Subtracted last; one value, or one a band or coefficient.
        std: Divided by then; one value, or one a band or coefficient.
    """

    frame: int
    hop: int
    fft: int = 0
    align: Literal["start", "centre"] = "start"
    pad: Literal["none", "zeros", "reflect"] = "none"
    taper: Taper = "hann"
    power: Literal[1, 2] = 2
    mels: int = 40
    min_hz: float = 0.0
    max_hz: float | None = None
    scale: Literal["htk", "slaney"] = "htk"
    triangles: Literal["hz", "mel"] = "hz"
    norm: Literal["none", "slaney"] = "none"
    log: Log = "ln"
    floor: float = 1e-10
    floor_by: Literal["max", "add"] = "max"
    top_db: float | None = None
    coefficients: int = 0
    dct: Literal["ortho", "htk"] = "ortho"
    order: Literal["time-first", "bands-first"] = "time-first"
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: A size, a floor or a number of values is impossible.
        """
        if not 1 <= self.frame <= self.transform <= _MOST or self.hop < 1:
            raise InputError(
                f"frame, hop, fft: expected 1 or more, the frame within fft, got {self.frame}, {self.hop}, {self.fft}"
            )
        if not 0 <= self.mels <= self.transform or not 0 <= self.coefficients <= (self.mels or self.bins):
            raise InputError(f"mels, coefficients: expected fewer than bins, got {self.mels} and {self.coefficients}")
        if not self.floor > 0:
            raise InputError(f"floor: expected more than 0, got {self.floor}")
        if self.top_db is not None and (self.log != "db" or self.top_db <= 0):
            raise InputError(f"top_db: expected more than 0, beside log = 'db', got {self.top_db}")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in {1, self.width}:
                raise InputError(f"{name}: expected 1 or {self.width} values, got {len(values)}")
        if 0 in self.std:
            raise InputError("std: expected values other than 0, got 0")

    @property
    def transform(self) -> int:
        """Samples of the Fourier transform."""
        return self.fft or self.frame

    @property
    def reach(self) -> int:
        """The fewest samples of which a frame can be made."""
        if self.pad != "none":
            return self.transform // 2 + 1  # what can be reflected
        return self.transform if self.align == "centre" else self.frame

    @property
    def bins(self) -> int:
        """Frequencies of the Fourier transform."""
        return self.transform // 2 + 1

    @property
    def width(self) -> int:
        """Values of a frame."""
        return self.coefficients or self.mels or self.bins
