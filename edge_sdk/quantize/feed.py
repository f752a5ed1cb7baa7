"""What each family of variants takes: the float model's own input, or the camera's pixels.

Families in integers with calibrated ranges for the CPU take pixels where the model allows it. All others take floats:
float16 and float32 compute in floats from the first layer on, and TensorRT's integers begin behind the first Q/DQ pair
of the file (it takes uint8 at all only from 8.5 on). What a profile or a request says comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_sdk.errors import InputError
from edge_sdk.preprocess import Preprocess
from edge_sdk.profiles import Family
from edge_sdk.quantize import families
from edge_sdk.quantize.material import Material, choose_material
from edge_sdk.quantize.pixels import LEAST_SNR_DB, outputs_snr_db, take_pixels
from edge_sdk.quantize.request import QuantRequest
from edge_sdk.quantize.source import Source
from edge_sdk.quantize.variants import Choice

_WHY_FLOATS: Mapping[Family, str] = {
    "fp32": "it is the float model itself",
    "fp16": "it computes in float16 from the first layer on",
    "tensorrt-int8": "integers begin behind the first Q/DQ pair, which stands behind its input",
    "tensorrt-int8-typed": "integers begin behind the first Q/DQ pair, which stands behind its input",
    "dynamic-int8": "it rounds what each layer reads anew in each inference",
    "weight-int8": "only its weights are integers",
    "weight-int4": "only its weights are integers",
}
"""Why a family takes floats, whatever the model is."""


@dataclass(frozen=True, slots=True)
class Feed:
    """The model and its samples as some families take them.

    Attributes:
        source: The model, in float.
        material: The samples, prepared for it.
        takes: The families, each with what it takes and why, in words.
        preprocess: What turns pictures into that, where it is not what the float model wants.
    """

    source: Source
    material: Material
    takes: Mapping[Family, str]
    preprocess: Preprocess | None = None


def choose_feeds(
    request: QuantRequest, source: Source, material: Material, choices: Mapping[str, Choice]
) -> tuple[Feed, ...]:
    """Return the feeds of the families that boards take; each family is in one of them.

    Raises:
        InputError: Pixels are asked for, and the model or a family cannot take them.
    """
    reasons = {choice.family: _why_not_pixels(request, choices, choice.family) for choice in choices.values()}
    able = [family for family, reason in reasons.items() if not reason]
    framed = _framed(request, source, material) if able else None
    if isinstance(framed, str):
        reasons.update(dict.fromkeys(able, framed))
    own = {family: _own(reason) for family, reason in reasons.items() if reason}
    if own and request.input == "pixels":
        raise InputError(
            f"{request.model}: expected a model that can take pixels, got one that takes {next(iter(own.values()))}",
            hint="leave --input away: then only what can take pixels does",
        )
    feeds = [Feed(source, material, own)] if own else []
    if isinstance(framed, tuple):
        feeds.append(Feed(*framed, dict.fromkeys(able, _describe(framed[0])), framed[0].preprocess))
    return tuple(feeds)


def _why_not_pixels(request: QuantRequest, choices: Mapping[str, Choice], family: Family) -> str:
    """Return why a family does not take pixels, whatever the model is; empty if it may."""
    boards = [profile for profile in request.profiles if choices[profile.name].family == family]
    wanted = {request.input} if request.input else {board.quantization.input for board in boards}
    if "float" in wanted:
        return "as asked for" if request.input else "as the board's profile says"
    return "" if families.takes_pixels(family) else _WHY_FLOATS[family]


def own_input(family: Family) -> str:
    """Return what a family that cannot take pixels takes, in words."""
    return _own(_WHY_FLOATS[family])


def _own(reason: str) -> str:
    return f"the float model's own input: {reason}"


def _framed(request: QuantRequest, source: Source, material: Material) -> tuple[Source, Material] | str:
    """Return the model and its samples as pixels, or why that cannot be."""
    framed = take_pixels(source, max_opset=min(profile.system.max_opset for profile in request.profiles))
    if isinstance(framed, str):
        return framed
    frames = choose_material(request, framed)
    first, frame = next(iter(material.calibration)), next(iter(frames.calibration))
    ratio = outputs_snr_db(source, first.tensors, framed, frame.tensors)
    if ratio < LEAST_SNR_DB:
        return f"with pixels its outputs are at {ratio:.0f} dB of what they were, less than {LEAST_SNR_DB:g} dB"
    return framed, frames


def _describe(framed: Source) -> str:
    return (
        f"the camera's pixels ({framed.inputs[0].dtype} {framed.inputs[0].describe()}), normalized by its first layer"
    )
