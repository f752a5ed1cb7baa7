"""Windows of sensor values: `windows.npz`, as `edge-sdk quantize --calibration` and `--labels` take it.

It holds `x` [n, samples, columns] as they came from the sensor, `columns`, and for classes and anomalies `y` [n], what
the model said; a window without a class is left out there, so that both are as long.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_sdk.files import write_bytes
from edge_sdk.runtime.kept.classes import best_class
from edge_sdk.runtime.kept.export import Sorted

_FILE = "windows.npz"


def write_arrays(kept: Sorted, folder: Path) -> Sequence[str]:
    """Write the windows and their classes; see `Writer`."""
    classes = [best_class(piece.value)[0] for piece in kept.pieces]
    has_classes = any(index is not None for index in classes)
    chosen = [piece for piece, index in zip(kept.pieces, classes, strict=True) if index is not None or not has_classes]
    windows = [np.load(piece.data_path, allow_pickle=False) for piece in chosen]
    arrays = {"x": np.stack(windows), "columns": np.array(kept.columns)}
    if has_classes:
        arrays["y"] = np.array([index for index in classes if index is not None], np.int64)
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    write_bytes(folder / _FILE, file.getvalue())
    return [_FILE]
