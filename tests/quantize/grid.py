"""A detector of coloured squares on a grid of 4x3, hand-made, with its pictures and boxes."""

from __future__ import annotations

import cv2
import numpy as np
from onnx import helper

from tests.quantize.cards import COLORS, build

_CELLS = [(column, row) for row in range(3) for column in range(4)]
_CELL = 8


def squares(number):
    """Return the squares of a picture: a cell and a colour each; every fifth picture has none."""
    random = np.random.default_rng(number)
    chosen = random.permutation(len(_CELLS))[: number % 5]
    return [(_CELLS[i], int(random.integers(3))) for i in chosen]


def write_squares(folder, numbers):
    """Write pictures of 64x48 and `labels.csv` with their boxes as shares, and return the folder."""
    folder.mkdir(parents=True)
    lines = ["file,class_name,cx,cy,w,h"]
    for number in numbers:
        picture = np.random.default_rng(number).integers(0, 40, (48, 64, 3)).astype(np.uint8)
        for (column, row), color in squares(number):
            picture[16 * row : 16 * row + 16, 16 * column : 16 * column + 16, 2 - color] += 180
            center = f"{(column + 0.5) / 4},{(row + 0.5) / 3},{1 / 4},{1 / 3}"
            lines.append(f"{number:03d}.png,{COLORS[color]},{center}")
        if not squares(number):
            lines.append(f"{number:03d}.png,,,,,")
        cv2.imwrite(str(folder / f"{number:03d}.png"), picture)
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder


def build_detector():
    """Return the detector: boxes [1, 12, 4] and scores [1, 12, 3] from the mean colour of each cell."""
    boxes = np.array([[_CELL * c, _CELL * r, _CELL * (c + 1), _CELL * (r + 1)] for c, r in _CELLS], np.float32)
    weights = {
        "w": (20 * np.eye(3) - 8).astype(np.float32).reshape(3, 3, 1, 1),
        "b": np.full(3, -3, np.float32),
        "boxes": boxes[np.newaxis],
        "flat": np.array([1, 3, 12]),
    }
    nodes = [
        helper.make_node("AveragePool", ["x"], ["cells"], kernel_shape=[_CELL, _CELL], strides=[_CELL, _CELL]),
        helper.make_node("Conv", ["cells", "w", "b"], ["logits"], "head"),
        helper.make_node("Sigmoid", ["logits"], ["scores"]),
        helper.make_node("Reshape", ["scores", "flat"], ["planes"]),
        helper.make_node("Transpose", ["planes"], ["class_scores"], perm=[0, 2, 1]),
        helper.make_node("Identity", ["boxes"], ["xyxy"]),
    ]
    return build(nodes, weights, outputs=[("xyxy", [1, 12, 4]), ("class_scores", [1, 12, 3])])
