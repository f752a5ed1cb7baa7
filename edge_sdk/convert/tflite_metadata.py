"""What the metadata of a TFLite file state: the normalization of pictures, their colours, and labels.

The metadata are a FlatBuffer in a buffer named `TFLITE_METADATA`; label files are a zip behind the model. The numbers
of fields are those of TensorFlow's `schema.fbs` and `metadata_schema.fbs`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_sdk.convert.flatbuffer import Table, root
from edge_sdk.preprocess import ImageSteps, Preprocess
from edge_sdk.preprocess.record import Color

_NAME = "TFLITE_METADATA"
_MODEL_SUBGRAPHS, _MODEL_BUFFERS, _MODEL_METADATA = 2, 4, 6
_SUBGRAPH_TENSORS, _SUBGRAPH_INPUTS, _TENSOR_SHAPE = 0, 1, 0
_STATED_SUBGRAPHS, _STATED_INPUTS, _STATED_OUTPUTS = 3, 2, 3
_CONTENT, _PROCESS, _FILES = 3, 4, 6
_IMAGE_KIND, _NORMALIZATION_KIND = 2, 1
_LABEL_FILES = frozenset({2, 3})
_COLORS: dict[int, Color] = {1: "rgb", 2: "gray"}
_MOST_LABEL_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class StatedMetadata:
    """What the metadata state.

    Attributes:
        preprocess: How pictures are prepared; None where nothing is said.
        labels: Names of classes by index; empty where there are none.
        notes: What else the user must know.
    """

    preprocess: Preprocess | None = None
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_metadata(path: Path, *, is_turned: bool) -> StatedMetadata:
    """Return what the metadata of a TFLite file state.

    Args:
        path: The file.
        is_turned: Whether the ONNX model takes channels first, where the file has them last.

    Raises:
        InputError: An offset leads out of the file.
    """
    model = root(path.read_bytes())
    stated = next(_metadata(model), None)
    subgraph = next(stated.tables(_STATED_SUBGRAPHS), None) if stated else None
    if subgraph is None:
        return StatedMetadata()
    images = [_image(model, entry, index, is_turned) for index, entry in enumerate(subgraph.tables(_STATED_INPUTS))]
    names = [
        file.text(0)
        for output in subgraph.tables(_STATED_OUTPUTS)
        for file in output.tables(_FILES)
        if file.integer(2, "b") in _LABEL_FILES
    ]
    found = images[0] if len(images) == 1 else None
    return StatedMetadata(
        preprocess=Preprocess(image=found) if found else None,
        labels=_labels(path, names[0]) if names else (),
        notes=() if found is None else ("normalization and colours are those of the file's metadata",),
    )


def _metadata(model: Table) -> Iterator[Table]:
    buffers = list(model.tables(_MODEL_BUFFERS))
    for entry in model.tables(_MODEL_METADATA):
        if entry.text(0) == _NAME and entry.integer(1) < len(buffers):
            yield root(buffers[entry.integer(1)].bytes(0))


def _image(model: Table, stated: Table, index: int, is_turned: bool) -> ImageSteps | None:
    """Return how a picture becomes an input; None where it is no picture, or no normalization is stated."""
    content = stated.table(_CONTENT)
    image = content.table(1) if content and content.integer(0, "B") == _IMAGE_KIND else None
    units = [unit.table(1) for unit in stated.tables(_PROCESS) if unit.integer(0, "B") == _NORMALIZATION_KIND]
    shape = _input_shape(model, index)
    if image is None or not units or units[0] is None or len(shape) != 4:
        return None
    return ImageSteps(
        (shape[2], shape[1]),
        color=_COLORS.get(image.integer(0, "b"), "rgb"),
        divisor=1.0,
        mean=units[0].floats(0),
        std=units[0].floats(1),
        layout="nchw" if is_turned else "nhwc",
    )


def _input_shape(model: Table, index: int) -> tuple[int, ...]:
    subgraph = next(model.tables(_MODEL_SUBGRAPHS))
    inputs = subgraph.integers(_SUBGRAPH_INPUTS)
    return list(subgraph.tables(_SUBGRAPH_TENSORS))[inputs[index]].integers(_TENSOR_SHAPE)


def _labels(path: Path, name: str) -> tuple[str, ...]:
    """Return the lines of a label file that is zipped behind the model."""
    if not zipfile.is_zipfile(path):
        return ()
    with zipfile.ZipFile(path) as files:
        if name not in files.namelist() or files.getinfo(name).file_size > _MOST_LABEL_BYTES:
            return ()
        return tuple(line.strip() for line in files.read(name).decode(errors="replace").splitlines() if line.strip())
