"""What several commands read alike from the command line."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edge_sdk.errors import InputError
from edge_sdk.records import near_match

if TYPE_CHECKING:
    from edge_sdk.quantize.scheme import Scheme
    from edge_sdk.tasks import Head

SchemeWord = Literal["auto", "static", "dynamic", "weight-int8", "weight-int4"]
SchemeOption = Annotated[
    SchemeWord,
    typer.Option("--scheme", help="How: with calibrated ranges, those of each inference, or weights alone."),
]

TaskWord = Literal["classification", "detection", "segmentation", "instances", "pose", "anomaly", "forecast", "tensor"]
"""`tasks.TaskKind`, without the time to import it; a test holds them against each other."""
TaskOption = Annotated[
    TaskWord | None,
    typer.Option("--task", help="What the model is for; told from its outputs if left out.", show_default=False),
]
HeadOption = Annotated[
    str | None,
    typer.Option(
        "--head",
        help="How its outputs are laid out, where that cannot be told: docs/how_to/tasks.md lists the names.",
        show_default=False,
    ),
]

_SIZES = re.compile(r"[1-9][0-9]{0,8}(x[1-9][0-9]{0,8})*")


def parse_shapes(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Read `NAME=1x3x224x224`.

    Raises:
        InputError: A text is not of that form.
    """
    shapes = {}
    for text in texts:
        name, _, sizes = text.rpartition("=")
        if not name or not _SIZES.fullmatch(sizes):
            raise InputError(f"--input-shape: expected NAME=1x3x224x224, got '{text}'")
        shapes[name] = tuple(int(size) for size in sizes.split("x"))
    return shapes


def told_scheme(word: SchemeWord) -> Scheme | None:
    """Return the scheme that was asked for; None where the graph and the board decide."""
    return None if word == "auto" else word


def told_head(word: str | None) -> Head:
    """Return the layout of the outputs that was asked for; empty where they decide.

    Raises:
        InputError: There is no such layout.
    """
    from edge_sdk.tasks import HEADS

    if word is None:
        return ""
    known = {str(head): head for heads in HEADS.values() for head in heads}
    if word not in known:
        raise InputError(f"--head: expected one of {', '.join(known)}, got '{word}'{near_match(word, list(known))}")
    return known[word]


def require_onnx() -> None:
    """Check that the quantizer's packages are installed: boards do not have them.

    Raises:
        InputError: They are not.
    """
    if importlib.util.find_spec("onnx") is None:
        raise InputError(
            "onnx: expected the package for quantizing, got none installed", hint='pip install "edge-sdk[quantize]"'
        )
