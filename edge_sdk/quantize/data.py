"""Samples and their labels, read from what people have: folders, videos, lists of files, arrays, sensor tables.

- Data is named by a path: a folder of pictures, a video, a CSV with a `file` column, `.npy`, `.npz` (`FILE.npz:key`
  names the array), or a CSV of sensor columns where the preprocessing has `[window]`.
- Nothing is kept: samples are read anew on each pass, one at a time.
- A sample that cannot be read is an error that names it: data that people chose should be whole.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk import media
from edge_sdk.errors import InputError
from edge_sdk.files import sha256_of_file, unreadable
from edge_sdk.preprocess import Preprocess, WindowSteps, cut_windows, prepare_image, prepare_window
from edge_sdk.tensors import Array, Tensors, TensorSpec
from edge_sdk.transform import Transform

_SOME_COLUMNS = ", ".join


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
    """

    names: tuple[str, ...]
    read: Callable[[Sequence[int]], Iterator[Item]]
    digest: str

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Item]:
        return self.read(range(len(self.names)))

    def pick(self, indices: Sequence[int]) -> Samples:
        """Return some of the samples; the indices ascend."""
        chosen = tuple(indices)
        digest = hashlib.sha256(f"{self.digest} {chosen}".encode()).hexdigest()
        return Samples(
            tuple(self.names[i] for i in chosen), lambda wanted: self.read([chosen[i] for i in wanted]), digest
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
    path = Path(data)
    name, _, key = data.rpartition(":")
    if name and Path(name).suffix == ".npz":
        return _arrays(Path(name), key, preprocess, inputs)
    if not path.exists():
        raise InputError(f"{path}: expected data, got nothing there")
    if path.is_dir():
        return read_pictures(media.list_images(path), preprocess, inputs)
    suffix = path.suffix.lower()
    if suffix in media.VIDEO_SUFFIXES:
        return _video(path, preprocess, inputs)
    if suffix in {".npz", ".npy"}:
        return _arrays(path, "", preprocess, inputs)
    if suffix == ".csv":
        return _table(path, preprocess, inputs)
    if suffix in media.IMAGE_SUFFIXES:
        return read_pictures((path,), preprocess, inputs)
    raise InputError(f"{path}: expected a folder of pictures, a video, .csv, .npy or .npz, got {suffix or 'a file'}")


def read_pictures(paths: Sequence[Path], preprocess: Preprocess, inputs: Sequence[TensorSpec]) -> Samples:
    """Open picture files as samples.

    Raises:
        InputError: The preprocessing has no picture steps.
    """
    steps, spec = _image_steps(preprocess, inputs, str(paths[0]))

    def read(indices: Sequence[int]) -> Iterator[Item]:
        for i in indices:
            tensor, transform = prepare_image(steps, media.read_image(paths[i]))
            spec.check(tensor, where=str(paths[i]))
            yield Item(str(paths[i]), {spec.name: tensor}, transform)

    digest = hashlib.sha256(b"".join(sha256_of_file(path).encode() for path in paths)).hexdigest()
    return Samples(tuple(str(path) for path in paths), read, digest)


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
                    tensor, transform = prepare_image(steps, frame)
                    yield Item(f"{path}[{i}]", {spec.name: tensor}, transform)

    return Samples(tuple(f"{path}[{i}]" for i in range(count)), read, sha256_of_file(path))


def _table(path: Path, preprocess: Preprocess, inputs: Sequence[TensorSpec]) -> Samples:
    rows = read_rows(path)
    if "file" in rows[0]:
        files = [row["file"] for row in rows if row.get("role", "calibration") == "calibration"]
        return read_pictures(
            [find_file(name, [path.parent], path) for name in dict.fromkeys(files)], preprocess, inputs
        )
    if preprocess.window is None:
        raise InputError(
            f"{path}: expected a column 'file', or [window] in the preprocessing, got columns {_SOME_COLUMNS(rows[0])}"
        )
    return _windows(path, _columns(path, rows, preprocess.window), preprocess.window, inputs)


def _columns(path: Path, rows: Sequence[Mapping[str, str]], steps: WindowSteps) -> npt.NDArray[np.float64]:
    missing = [name for name in steps.columns if name not in rows[0]]
    if missing:
        raise InputError(f"{path}: expected columns {', '.join(missing)}, got {_SOME_COLUMNS(rows[0])}")
    try:
        return np.array([[float(row[name]) for name in steps.columns] for row in rows], np.float64)
    except (TypeError, ValueError) as exc:
        raise InputError(f"{path}: expected numbers in {', '.join(steps.columns)}, got {exc}") from exc


def _windows(path: Path, values: npt.NDArray[Any], steps: WindowSteps, inputs: Sequence[TensorSpec]) -> Samples:
    spec = _only_input(inputs, str(path))
    windows = list(cut_windows(steps, values))
    if not windows:
        raise InputError(f"{path}: expected at least {steps.samples} rows for one window, got {len(values)}")

    def read(indices: Sequence[int]) -> Iterator[Item]:
        for i in indices:
            tensor = prepare_window(steps, windows[i])
            spec.check(tensor, where=f"{path}[{i}]")
            yield Item(f"{path}[{i}]", {spec.name: tensor})

    return Samples(tuple(f"{path}[{i}]" for i in range(len(windows))), read, sha256_of_file(path))


def load_array(path: Path, key: str) -> dict[str, Array]:
    """Return the arrays of a `.npy` or `.npz` file, or the one with this key.

    Raises:
        InputError: The file cannot be read as arrays of numbers, or has no such key.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = {"": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except OSError as exc:
        raise unreadable(path, exc) from exc
    except (ValueError, EOFError, KeyError) as exc:
        raise InputError(f"{path}: expected arrays of numbers (.npy, .npz), got {exc}") from exc
    if key and key not in arrays:
        raise InputError(f"{path}: expected an array '{key}', got {', '.join(arrays)}")
    return {key: arrays[key]} if key else arrays


def _arrays(path: Path, key: str, preprocess: Preprocess, inputs: Sequence[TensorSpec]) -> Samples:
    arrays = load_array(path, key)
    if preprocess.window is not None:
        return _array_windows(path, arrays, preprocess.window, inputs)
    if preprocess.image is not None:
        raise InputError(
            f"{path}: expected pictures or a video for picture steps, got arrays",
            hint="arrays are taken as the model's inputs: leave the preprocessing away",
        )
    chosen = _match_inputs(path, arrays, inputs)
    count = min(len(array) for array in chosen.values())
    if not count:
        raise InputError(f"{path}: expected samples, got empty arrays")

    def read(indices: Sequence[int]) -> Iterator[Item]:
        for i in indices:
            yield Item(f"{path}[{i}]", {spec.name: _one(chosen[spec.name][i], spec) for spec in inputs})

    return Samples(tuple(f"{path}[{i}]" for i in range(count)), read, sha256_of_file(path))


def _array_windows(
    path: Path, arrays: Mapping[str, Array], steps: WindowSteps, inputs: Sequence[TensorSpec]
) -> Samples:
    """Open an array of windows [n, samples] or [n, samples, columns], or one long recording [rows, columns]."""
    wanted = [a for a in arrays.values() if a.ndim in {2, 3} and a.shape[1] == steps.samples]
    if len(wanted) != 1:
        raise InputError(
            f"{path}: expected one array [n, {steps.samples}] or [n, {steps.samples}, {len(steps.columns)}], "
            f"got {_shapes(arrays)}",
            hint="name the array: FILE.npz:key",
        )
    spec, windows = _only_input(inputs, str(path)), wanted[0].reshape(len(wanted[0]), steps.samples, -1)

    def read(indices: Sequence[int]) -> Iterator[Item]:
        for i in indices:
            yield Item(f"{path}[{i}]", {spec.name: prepare_window(steps, windows[i])})

    return Samples(tuple(f"{path}[{i}]" for i in range(len(windows))), read, sha256_of_file(path))


def _match_inputs(path: Path, arrays: Mapping[str, Array], inputs: Sequence[TensorSpec]) -> dict[str, Array]:
    """Return the array of each input: by its name, or by its shape where only one array has it."""
    if all(spec.name in arrays for spec in inputs):
        return {spec.name: arrays[spec.name] for spec in inputs}
    spec = _only_input(inputs, str(path))
    size = int(np.prod([n for n in spec.shape if isinstance(n, int)]))
    fitting = [a for a in arrays.values() if a.ndim >= 1 and a.size and a[0].size == size and a.dtype.kind in "fiub"]
    if len(fitting) != 1:
        raise InputError(
            f"{path}: expected one array of {spec.name} {spec.describe()} samples, got {_shapes(arrays)}",
            hint="name the array: FILE.npz:key",
        )
    return {spec.name: fitting[0]}


def _one(sample: Array, spec: TensorSpec) -> Array:
    shape = [size if isinstance(size, int) else 1 for size in spec.shape]
    return np.ascontiguousarray(sample.reshape(shape), dtype=spec.dtype)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header line.

    Raises:
        InputError: It cannot be read, or has no rows.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError as exc:
        raise unreadable(path, exc) from exc
    except (csv.Error, UnicodeDecodeError) as exc:
        raise InputError(f"{path}: expected a CSV table, got {exc}") from exc
    if not rows:
        raise InputError(f"{path}: expected rows below a header line, got none")
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


def _image_steps(preprocess: Preprocess, inputs: Sequence[TensorSpec], where: str) -> tuple[Any, TensorSpec]:
    if preprocess.image is None:
        raise InputError(
            f"{where}: expected picture steps for pictures, got none in the preprocessing",
            hint="declare them: --preprocess FILE.toml, or --normalize unit --resize letterbox --color rgb",
        )
    return preprocess.image, _only_input(inputs, where)


def _only_input(inputs: Sequence[TensorSpec], where: str) -> TensorSpec:
    if len(inputs) != 1:
        names = ", ".join(spec.name for spec in inputs)
        raise InputError(f"{where}: expected an .npz with arrays {names} for a model of {len(inputs)} inputs, got this")
    return inputs[0]


def _shapes(arrays: Mapping[str, Array]) -> str:
    return ", ".join(f"{name or 'array'} {list(array.shape)}" for name, array in arrays.items())
