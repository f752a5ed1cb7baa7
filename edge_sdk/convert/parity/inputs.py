"""What engines are compared on: samples that a user has, or seeded numbers in sensible ranges.

- Where the preprocessing is known, random pictures and windows go through it, so that inputs have the range that the
  model was trained with. Else floats are normal (mean 0, deviation 1), bytes are 0 to 255, other integers 0 or 1, which
  are indices into any table.
- The same seed gives the same inputs on every machine; their digest is part of the certificate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_sdk.preprocess import ImageSteps, Preprocess, WindowSteps, prepare_image, prepare_window
from edge_sdk.samples import read_samples
from edge_sdk.tensors import Array, Tensors, TensorSpec
from edge_sdk.transform import Transform

_PATCH = 8
"""Side of a random picture's patches in pixels: noise pixel by pixel would be grey after any resize."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What all engines are given.

    Attributes:
        feeds: The model's inputs, a sample each.
        transforms: Where each picture's pixels went; None for what is no picture.
        told: What they are, in words.
    """

    feeds: tuple[Tensors, ...]
    transforms: tuple[Transform | None, ...]
    told: str

    @property
    def digest(self) -> str:
        """SHA-256 of the names, types, shapes and bytes of all inputs."""
        digest = hashlib.sha256()
        for feed in self.feeds:
            for name, array in sorted(feed.items()):
                content = "\0".join(array.reshape(-1)).encode() if array.dtype.kind == "O" else array.tobytes()
                digest.update(f"{name}:{array.dtype.str}:{array.shape}:".encode() + content)
        return digest.hexdigest()


def read_inputs(data: str, specs: Sequence[TensorSpec], preprocess: Preprocess, *, most: int) -> Inputs:
    """Return samples of a user's data, evenly spread over all.

    Args:
        data: A folder of pictures, a video, a table, `.npy` or `.npz`; see `edge_sdk.samples`.
        specs: The model's inputs.
        preprocess: What turns samples into them.
        most: How many at most.

    Raises:
        InputError: There is nothing, or it does not fit.
    """
    items = tuple(read_samples(data, preprocess, specs).spread(most))
    told = f"{len(items)} samples of {Path(data).name}"
    return Inputs(tuple(item.tensors for item in items), tuple(item.transform for item in items), told)


def random_inputs(specs: Sequence[TensorSpec], preprocess: Preprocess, *, count: int, seed: int) -> Inputs:
    """Return seeded random inputs.

    Args:
        specs: The model's inputs, of fixed sizes.
        preprocess: What happens before the model, where that is known.
        count: How many samples.
        seed: The same seed gives the same inputs.
    """
    generator = np.random.default_rng(seed)
    if preprocess.image is not None:
        pictures = [_picture(preprocess.image, generator) for _ in range(count)]
        feeds = tuple({specs[0].name: tensor} for tensor, _ in pictures)
        return Inputs(feeds, tuple(transform for _, transform in pictures), f"{count} random pictures (seed {seed})")
    if preprocess.window is not None:
        windows = (_window(preprocess.window, generator) for _ in range(count))
        return Inputs(
            tuple({specs[0].name: one} for one in windows), (None,) * count, f"{count} random windows (seed {seed})"
        )
    feeds = tuple({spec.name: _random(spec, generator) for spec in specs} for _ in range(count))
    return Inputs(feeds, (None,) * count, f"{count} samples of random numbers (seed {seed})")


def _random(spec: TensorSpec, generator: np.random.Generator) -> Array:
    shape = tuple(int(size) for size in spec.shape)
    if spec.dtype == "object":
        return generator.integers(0, 2, shape).astype(str).astype(object)
    dtype = np.dtype(spec.dtype)
    if dtype.kind in "ui":
        info = np.iinfo(dtype)
        low, high = (info.min, info.max + 1) if info.bits == 8 else (0, 2)
        return np.asarray(generator.integers(low, high, shape)).astype(dtype)
    return np.asarray(generator.standard_normal(shape)).astype(dtype) if dtype.kind != "b" else _coins(shape, generator)


def _coins(shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    return np.asarray(generator.integers(0, 2, shape)).astype(bool)


def _picture(steps: ImageSteps, generator: np.random.Generator) -> tuple[Array, Transform]:
    width, height = steps.size_wh
    patches = generator.integers(0, 256, (-(-height // _PATCH), -(-width // _PATCH), 3), dtype=np.uint8)
    picture = patches.repeat(_PATCH, axis=0).repeat(_PATCH, axis=1)[:height, :width]
    return prepare_image(steps, np.ascontiguousarray(picture))


def _window(steps: WindowSteps, generator: np.random.Generator) -> Array:
    return prepare_window(steps, generator.standard_normal((steps.samples, len(steps.columns))))
