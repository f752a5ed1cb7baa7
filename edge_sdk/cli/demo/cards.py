"""What the boards of the demo look at and run: cards of three colours on a belt, and models that name the colour.

A model has 164 bytes: the mean of each colour, times a factor. With a negative one it names the weakest colour: a model
that is as authentic as any, and wrong.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

COLORS = ("red", "green", "blue")
_SIZE_WH = (48, 32)
_TEN = struct.pack("<f", 10.0)
# GlobalAveragePool, Flatten, Mul by 10 of float32 [1, 3, 32, 48], opset 13, IR 8: made by onnx once, kept as bytes
_MODEL = bytes.fromhex(
    "08083a99010a1c0a017812046d65616e2211476c6f62616c41766572616765506f6f6c0a150a046d65616e1204666c6174220746"
    "6c617474656e0a160a04666c61740a06666163746f7212017922034d756c1206636f6c6f72732a1010014206666163746f724a04"
    "000020415a1b0a017812160a14080112100a0208010a0208030a0208200a02083062130a0179120e0a0c080112080a0208010a02"
    "080342040a00100d"
)


def write_model(path: Path, *, version: int, factor: float) -> Path:
    """Write the package of a model, with golden samples, and return its path.

    Args:
        path: The file.
        version: Its version.
        factor: By which means are multiplied, at least 1 or at most -1.
    """
    import numpy as np

    from edge_sdk.package import FileEntry, Manifest, Provenance, Variant, write_package
    from edge_sdk.preprocess import ImageSteps, Preprocess
    from edge_sdk.tasks import TaskSpec
    from edge_sdk.tensors import TensorSpec

    model = _MODEL.replace(_TEN, struct.pack("<f", factor))
    pictures = np.random.default_rng(0).random((4, 1, 3, _SIZE_WH[1], _SIZE_WH[0]), np.float32)
    golden = io.BytesIO()
    np.savez(golden, **{"input:x": pictures, "output:y": pictures.mean(axis=(3, 4)) * np.float32(factor)})
    contents = {"variants/fp32/model.onnx": model, "golden/fp32.npz": golden.getvalue()}
    entries = {name: FileEntry.of(name, data) for name, data in contents.items()}
    variant = Variant(entries["variants/fp32/model.onnx"], 13, 8, 0.0, None, entries["golden/fp32.npz"], 30.0)
    manifest = Manifest(
        name="cards",
        version=version,
        task=TaskSpec("classification", top_k=3),
        inputs=(TensorSpec("x", "float32", (1, 3, _SIZE_WH[1], _SIZE_WH[0])),),
        outputs=(TensorSpec("y", "float32", (1, 3)),),
        labels=COLORS,
        preprocess=Preprocess(image=ImageSteps(size_wh=_SIZE_WH, resize="letterbox")),
        variants={"fp32": variant},
        provenance=Provenance("0" * 64, "0" * 64, 1, ("generic",), {}),
    )
    write_package(path, manifest, contents)
    return path


def write_belt(path: Path, *, fps: float = 20.0) -> Path:
    """Write a clip of 240 pictures of cards that pass by, and return its path."""
    import numpy as np

    from edge_sdk.media import write_video

    width, height = 160, 90
    pictures = []
    for number in range(240):
        picture = np.full((height, width, 3), 40, np.uint8)
        color, shift = number // 20 % 3, number % 20 * 8 - 40
        left, right = max(0, shift), min(width, shift + 120)
        picture[10:80, left:right, 2 - color] = 230
        pictures.append(picture)
    write_video(path, pictures, fps=fps)
    return path
