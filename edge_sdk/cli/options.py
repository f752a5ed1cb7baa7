"""What several commands read alike from the command line."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from edge_sdk.errors import InputError


def parse_shapes(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Read `NAME=1x3x224x224`.

    Raises:
        InputError: A text is not of that form.
    """
    shapes = {}
    for text in texts:
        name, _, sizes = text.rpartition("=")
        parts = sizes.split("x")
        if not name or not all(part.isdigit() and int(part) > 0 for part in parts):
            raise InputError(f"--input-shape: expected NAME=1x3x224x224, got '{text}'")
        shapes[name] = tuple(int(part) for part in parts)
    return shapes


def require_onnx() -> None:
    """Check that the quantizer's packages are installed: boards do not have them.

    Raises:
        InputError: They are not.
    """
    if importlib.util.find_spec("onnx") is None:
        raise InputError(
            "onnx: expected the package for quantizing, got none installed", hint='pip install "edge-sdk[quantize]"'
        )
