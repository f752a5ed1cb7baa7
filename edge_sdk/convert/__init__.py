"""Models of every framework become ONNX, and each proves that it still computes the same, over several engines.

To add a source framework: one file here, one line in `FRAMEWORKS`. Its file has one function,

    def open_source(order: Order, given: object = None) -> SourceModel

which is called in a child process (`child.py`): `given` is what a factory returned, None for a file or a folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework that models come from.

    Attributes:
        file: Its file in this folder, without `.py`.
        extra: The extra of edge-sdk that installs it.
        roots: Packages of which the classes of its models are: how what a factory returns is recognised.
        suffixes: Of its files.
        entries: Files of which a folder of it has one.
    """

    file: str
    extra: str
    roots: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()


FRAMEWORKS: Mapping[str, Framework] = {
    "keras": Framework("keras", "convert-keras", ("keras",), (".keras", ".h5", ".hdf5")),
    "tensorflow": Framework("tensorflow", "convert-tensorflow", ("tensorflow",), (".pb",), ("saved_model.pb",)),
    "tflite": Framework("tflite", "convert-tflite", (), (".tflite",)),
    "pytorch": Framework("torch", "convert-torch", ("torch",), (".pt", ".pth", ".pt2", ".torchscript")),
    "scikit-learn": Framework(
        "sklearn",
        "convert-sklearn",
        ("sklearn", "lightgbm", "xgboost"),
        (".joblib", ".pkl", ".pickle", ".json", ".ubj"),
    ),
}
"""The frameworks by name."""
