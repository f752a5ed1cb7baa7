"""Samples and their labels, read from what people have: folders, videos, lists of files, arrays, sensor tables.

- Data is named by a path: a folder of pictures, a picture, a video, a CSV with a `file` column, `.npy`, `.npz`
  (`FILE.npz:key` names the array), or a CSV of sensor columns where the preprocessing has `[window]`.
- Nothing is kept: samples are read anew on each pass, one at a time.
- A sample that cannot be read is an error that names it: data that people chose should be whole.
"""

from __future__ import annotations

import csv
import math
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_sdk import media
from edge_sdk.errors import InputError
from edge_sdk.files import sha256_hex, sha256_of_file, sha256_of_files, unreadable
from edge_sdk.preprocess import ImageSteps, Preprocess, WindowSteps, cut_windows, prepare_image, prepare_window
from edge_sdk.tensors import Array, Tensors, TensorSpec
from edge_sdk.transform import Transform

ARRAY_SUFFIXES = frozenset({".npz", ".npy"})
_NUMBERS = "biuf"
_BROKEN_ARRAYS = (
    *(ValueError, TypeError, EOFError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)
"""What NumPy and zip raise for files that are not theirs, are cut off, or claim more than fits into memory."""


@dataclass(frozen=True, slots=True)
class Item:
    """One sample: its name, the model's inputs, and where a picture's pixels went."""

    name: str
    tensors: Tensors
    transform: Transform | None = None


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples that can be read again and again.

    Attributes:
        names: A name for each: the file's path, or `FILE[index]`.
        read: Reads the samples with these indices, which ascend.
        digest: SHA-256 of what they come from.
        prepared: What was done to them, and for which inputs.
    """

    names: tuple[str, ...]
    read: Callable[[Sequence[int]], Iterator[Item]]
    digest: str
    prepared: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """What determines the tensors."""
        return (self.digest, self.prepared, *self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Item]:
        return self.read(range(len(self.names)))

    def pick(self, indices: Sequence[int]) -> Samples:
        """Return some of the samples; the indices ascend."""
        chosen = tuple(indices)
        digest = sha256_hex(f"{self.digest} {chosen}".encode())
        return Samples(
            tuple(self.names[i] for i in chosen),
            lambda wanted: self.read([chosen[i] for i in wanted]),
            digest,
            self.prepared,
        )

    def spread(self, most: int) -> Samples:
        """Return at most so many samples, evenly spread over all."""
        if len(self) <= most:
            return self
        return self.pick([i * len(self) // most for i in range(most)])


def read_samples(data: str, preprocess: Preprocess, inputs: Sequence[TensorSpec]) -> Samples:
    """Open the samples at a path.

    Args:
        data: The path; see the module's text for the kinds.
        preprocess: What turns them into the model's inputs.
        inputs: The model's inputs.

    Raises:
        InputError: There is nothing, it is of no known kind, or it does not fit the preprocessing or the inputs.
    """
    path, key = split_key(data)
    if not path.exists():
        raise InputError(f"{path}: expected data, got nothing there")
    if path.is_dir():
        return read_pictures(media.list_images(path), preprocess, inputs)
    suffix = path.suffix.lower()
    if suffix in media.VIDEO_SUFFIXES:
        return _video(path, preprocess, inputs)
    if suffix in ARRAY_SUFFIXES:
        return _arrays(path, key, preprocess, inputs)
    if suffix == ".csv":
        return _table(path, preprocess, inputs)
    if suffix in media.IMAGE_SUFFIXES:
        return read_pictures((path,), preprocess, inputs)
    raise InputError(f"{path}: expected a folder of pictures, a video, .csv, .npy or .npz, got {suffix or 'a file'}")


def split_key(data: str) -> tuple[Path, str]:
    """Return the file and, of `FILE.npz:key`, the key."""
    name, _, key = data.rpartition(":")
    return (Path(name), key) if Path(name).suffix.lower() == ".npz" else (Path(data), "")


def read_pictures(paths: Sequence[Path], preprocess: Preprocess, inputs: Sequence[TensorSpec]) -> Samples:
    """Open picture files as samples.

    Raises:
        InputError: The preprocessing has no picture steps.
    """
    steps, spec = _image_steps(preprocess, inputs, str(paths[0]))

    def read(indices: Sequence[int]) -> Iterator[Item]:
        for i in indices:
            yield _picture(str(paths[i]), media.read_image(paths[i]), steps, spec)

    return Samples(tuple(str(path) for path in paths), read, sha256_of_files(paths), repr((steps, spec)))


def _video(path: Path, preprocess: Preprocess, inputs: Sequence[TensorSpec]) -> Samples:
    steps, spec = _image_steps(preprocess, inputs, str(path))
    with media.VideoFile(path) as video:
        count = sum(1 for _ in video)
    if not count:
        raise InputError(f"{path}: expected frames, got none")

    def read(indices: Sequence[int]) -> Iterator[Item]:
        wanted = set(indices)
        with media.VideoFile(path) as video:
            for i, frame in enumerate(video):
                if i in wanted:
                    yield _picture(f"{path}[{i}]", frame, steps, spec)

    return Samples(tuple(f"{path}[{i}]" for i in range(count)), read, sha256_of_file(path), repr((steps, spec)))


def _picture(name: str, image: media.Image, steps: ImageSteps, spec: TensorSpec) -> Item:
    tensor, transform = prepare_image(steps, image)
    spec.check(tensor, where=name)
    return Item(name, {spec.name: tensor}, transform)


def _table(path: Path, preprocess: Preprocess, inputs: Sequence[TensorSpec]) -> Samples:
    rows = read_rows(path)
    if "file" in rows[0]:
        names = dict.fromkeys(row["file"] for row in rows if row.get("role", "calibration") == "calibration")
        if not names:
            raise InputError(f"{path}: expected rows with the role calibration, got none")
        return read_pictures([find_file(name, [path.parent], path) for name in names], preprocess, inputs)
    steps = preprocess.window
    if steps is None:
        raise InputError(
            f"{path}: expected a column 'file', or [window] in the preprocessing, got columns {', '.join(rows[0])}"
        )
    values = _columns(path, rows, steps)
    windows = list(cut_windows(steps, values))
    if not windows:
        raise InputError(f"{path}: expected at least {steps.samples} rows for one window, got {len(values)}")
    return _windows(path, str(path), windows, steps, inputs)


def _columns(path: Path, rows: Sequence[Mapping[str, str]], steps: WindowSteps) -> npt.NDArray[np.float64]:
    missing = [name for name in steps.columns if name not in rows[0]]
    if missing:
        raise InputError(f"{path}: expected columns {', '.join(missing)}, got {', '.join(rows[0])}")
    try:
        return np.array([[float(row[name]) for name in steps.columns] for row in rows], np.float64)
    except ValueError as exc:
        raise InputError(f"{path}: expected numbers in {', '.join(steps.columns)}, got {exc}") from exc


def load_array(path: Path, key: str) -> dict[str, Array]:
    """Return the arrays of numbers, with samples along their first axis, of a `.npy` or `.npz` file.

    Args:
        path: The file.
        key: The one array that is wanted; empty for all.

    Raises:
        InputError: The file cannot be read as arrays, or has none of this key.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            arrays = {"": loaded}
        else:
            with loaded:
                arrays = {name: loaded[name] for name in loaded.files if key in {"", name}}
    except OSError as exc:
        raise unreadable(path, exc) from exc
    except _BROKEN_ARRAYS as exc:
        raise InputError(f"{path}: expected arrays of numbers (.npy, .npz), got {exc}") from exc
    usable = {name: array for name, array in arrays.items() if _is_usable(array)}
    if key and key not in usable:
        raise InputError(f"{path}: expected an array '{key}' of numbers, got {', '.join(usable) or 'none'}")
    return usable


def _is_usable(array: Array | bytes) -> bool:
    """Tell whether it is an array of numbers with samples along an axis; what is no `.npy` in a zip comes as bytes."""
    return isinstance(array, np.ndarray) and array.ndim > 0 and array.dtype.kind in _NUMBERS


def _arrays(path: Path, key: str, preprocess: Preprocess, inputs: Sequence[TensorSpec]) -> Samples:
    where = f"{path}:{key}" if key else str(path)
    if preprocess.image is not None:
        raise InputError(
            f"{where}: expected pictures or a video for picture steps, got arrays",
            hint="arrays are taken as the model's inputs: leave the preprocessing away",
        )
    arrays = load_array(path, key)
    if preprocess.window is not None:
        windows = _match_windows(where, arrays, preprocess.window)
        return _windows(path, where, windows, preprocess.window, inputs)
    chosen = _match_inputs(where, arrays, inputs)
    counts = {len(array) for array in chosen.values()}
    if len(counts) > 1 or 0 in counts:
        raise InputError(f"{where}: expected as many samples of each input, one or more, got {_shapes(chosen)}")

    def read(indices: Sequence[int]) -> Iterator[Item]:
        for i in indices:
            yield Item(f"{where}[{i}]", {spec.name: _one(chosen[spec.name][i], spec) for spec in inputs})

    return Samples(tuple(f"{where}[{i}]" for i in range(counts.pop())), read, sha256_of_file(path), repr(inputs))


def _windows(
    path: Path, where: str, windows: Sequence[Array], steps: WindowSteps, inputs: Sequence[TensorSpec]
) -> Samples:
    spec = _only_input(inputs, where)

    def read(indices: Sequence[int]) -> Iterator[Item]:
        for i in indices:
            tensor = prepare_window(steps, windows[i])
            spec.check(tensor, where=f"{where}[{i}]")
            yield Item(f"{where}[{i}]", {spec.name: tensor})

    return Samples(tuple(f"{where}[{i}]" for i in range(len(windows))), read, sha256_of_file(path), repr((steps, spec)))


def _match_windows(where: str, arrays: Mapping[str, Array], steps: WindowSteps) -> Sequence[Array]:
    """Return the windows [samples, columns] of the one array that has such."""
    samples, columns = steps.samples, len(steps.columns)
    shapes = [(samples, columns), *([(samples,)] if columns == 1 else [])]
    fitting = [array for array in arrays.values() if array.shape[1:] in shapes and len(array)]
    if len(fitting) != 1:
        raise InputError(
            f"{where}: expected one array [n, {samples}, {columns}], got {_shapes(arrays)}",
            hint="name the array: FILE.npz:key",
        )
    return list(fitting[0].reshape(-1, samples, columns))


def _match_inputs(where: str, arrays: Mapping[str, Array], inputs: Sequence[TensorSpec]) -> dict[str, Array]:
    """Return the array of each input: by its name, or by its shape where only one array has it."""
    chosen = {spec.name: arrays[spec.name] for spec in inputs if spec.name in arrays}
    if len(chosen) < len(inputs):
        spec = _only_input(inputs, where)
        fitting = [array for array in arrays.values() if _fits(array, spec)]
        chosen = {spec.name: fitting[0]} if len(fitting) == 1 else {}
    for spec in inputs:
        if spec.name not in chosen or not _fits(chosen[spec.name], spec):
            raise InputError(
                f"{where}: expected one array of {spec.name} {spec.describe()} samples, got {_shapes(arrays)}",
                hint="name the array: FILE.npz:key",
            )
    return chosen


def _fits(array: Array, spec: TensorSpec) -> bool:
    """Tell whether what stands along the first axis has as many values as the input."""
    return math.prod(array.shape[1:]) == math.prod(size for size in spec.shape if isinstance(size, int))


def _one(sample: Array, spec: TensorSpec) -> Array:
    shape = [size if isinstance(size, int) else 1 for size in spec.shape]
    return np.array(sample, spec.dtype).reshape(shape)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header line.

    Raises:
        InputError: It cannot be read, or has no rows.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
    except OSError as exc:
        raise unreadable(path, exc) from exc
    except (csv.Error, UnicodeDecodeError) as exc:
        raise InputError(f"{path}: expected a CSV table, got {exc}") from exc
    if not rows:
        raise InputError(f"{path}: expected rows below a header line, got none")
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():  # how DictReader tells a row that is longer or shorter
            raise InputError(
                f"{path}: expected as many values in each row as in the header, got another count in {number}"
            )
    return rows


def find_file(name: str, folders: Sequence[Path], where: Path) -> Path:
    """Return the file of this name in the first folder that has it.

    Raises:
        InputError: None has it.
    """
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"{where}: expected the file {name} in {' or '.join(map(str, folders))}, got nothing there")


def _image_steps(preprocess: Preprocess, inputs: Sequence[TensorSpec], where: str) -> tuple[ImageSteps, TensorSpec]:
    if preprocess.image is None:
        raise InputError(
            f"{where}: expected picture steps for pictures, got none in the preprocessing",
            hint="declare them: --preprocess FILE.toml, or --normalize unit --resize letterbox --color rgb",
        )
    return preprocess.image, _only_input(inputs, where)


def _only_input(inputs: Sequence[TensorSpec], where: str) -> TensorSpec:
    if len(inputs) != 1:
        names = ", ".join(spec.name for spec in inputs)
        raise InputError(f"{where}: expected an .npz with arrays {names} for a model of {len(inputs)} inputs, got none")
    return inputs[0]


def _shapes(arrays: Mapping[str, Array]) -> str:
    return ", ".join(f"{name or 'array'} {list(array.shape)}" for name, array in arrays.items()) or "no numbers"
