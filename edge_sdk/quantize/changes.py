"""The answers that changed, as the report tells them: what became what, how often, and samples that show it.

- What was right and is wrong comes first, and of those what the float model was surest of.
- Pictures are what the model sees, made small; where they are not to be shown, nothing of a sample
  but its file's name is told.
"""

from __future__ import annotations

from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from edge_sdk.media import encode_jpeg
from edge_sdk.preprocess import Preprocess, restore_image
from edge_sdk.quantize.departure import Departure, Swap
from edge_sdk.samples import Item, Samples
from edge_sdk.tensors import Array

Effect = Literal["lost", "won", "neither", "unknown"]
"""What a change is worth: right before and wrong now, the reverse, wrong both times, or without labels."""

MOST_EXAMPLES = 12
_MOST_PAIRS = 20
_MOST_ANSWERS = 8
_LONGEST_PX, _QUALITY = 96, 72
_POINTS = 96
_ORDER: tuple[Effect, ...] = ("lost", "unknown", "neither", "won")


@dataclass(frozen=True, slots=True)
class Pair:
    """One class that became another, over all samples.

    Attributes:
        before: What the float model answers; empty for nothing.
        after: What the variant answers; empty for nothing.
        count: How often.
        lost: How often that was right and is wrong.
        won: How often it was wrong and is right.
    """

    before: str
    after: str
    count: int
    lost: int
    won: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer that changed.

    Attributes:
        before: What the float model answers; empty for nothing.
        after: What the variant answers; empty for nothing.
        before_score: How sure the float model is of it, 0 to 1.
        after_score: How sure the variant is.
        effect: What the change is worth.
        box: Left, top, right and bottom as shares of the picture that the model sees; None without boxes.
    """

    before: str
    after: str
    before_score: float
    after_score: float
    effect: Effect
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A sample on which the variant departs from the float model.

    Attributes:
        sample: The name of its file, without its folder.
        agreement: How far the two agree on it, 0 to 1.
        truth: The class that is true of it; empty if it is not known.
        answers: The answers that changed, the worst first.
        picture: What the model sees, as a data URI of a small JPEG; empty if it is no picture or is not to be shown.
        window: The values of a sensor's window, thinned out; empty likewise.
    """

    sample: str
    agreement: float
    truth: str
    answers: tuple[Answer, ...]
    picture: str = ""
    window: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """What a variant answers otherwise than the float model.

    Attributes:
        samples: How many samples were measured.
        changed: On how many of them an answer changed.
        lost: How many answers were right and are wrong; None without labels.
        won: How many were wrong and are right.
        pairs: What became what, the most frequent first.
        examples: Samples that show it, the worst first.
    """

    samples: int
    changed: int
    lost: int | None
    won: int | None
    pairs: tuple[Pair, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """What makes samples that people can look at.

    Attributes:
        samples: All that were measured, as the float model takes them.
        preprocess: What they were made with.
        class_names: Names of the classes by index.
        pictures: Whether the samples themselves may be shown.
    """

    samples: Samples
    preprocess: Preprocess
    class_names: Sequence[str]
    pictures: bool

    def name_of(self, index: int | None) -> str:
        """Return the name of a class; empty for nothing."""
        if index is None:
            return ""
        return self.class_names[index] if index < len(self.class_names) else f"class {index}"


def tell_changes(departures: Sequence[Departure], shown: Shown) -> Changes:
    """Return what changed on the samples whose answer changed."""
    answers = {one.index: [_answer(swap, shown) for swap in one.swaps] for one in departures}
    everything = [answer for told in answers.values() for answer in told]
    effects = [answer.effect for answer in everything]
    is_labelled = bool(effects) and "unknown" not in effects
    worst = sorted(departures, key=lambda one: _badness(one, answers[one.index]))[:MOST_EXAMPLES]
    numbers = sorted(one.index for one in worst)
    items = dict(zip(numbers, shown.samples.pick(numbers), strict=True)) if worst else {}
    return Changes(
        samples=len(shown.samples),
        changed=sum(bool(told) for told in answers.values()),
        lost=effects.count("lost") if is_labelled else None,
        won=effects.count("won") if is_labelled else None,
        pairs=_pairs(everything),
        examples=tuple(_example(one, answers[one.index], items[one.index], shown) for one in worst),
    )


def _answer(swap: Swap, shown: Shown) -> Answer:
    return Answer(
        shown.name_of(swap.before),
        shown.name_of(swap.after),
        round(swap.before_score, 4),
        round(swap.after_score, 4),
        _effect(swap.was_right, swap.is_right),
    )


def _effect(was_right: bool | None, is_right: bool | None) -> Effect:
    if was_right is None:
        return "unknown"
    if was_right == is_right:
        return "neither"
    return "lost" if was_right else "won"


def _rank(answer: Answer) -> tuple[int, float]:
    return _ORDER.index(answer.effect), -max(answer.before_score, answer.after_score)


def _badness(departure: Departure, answers: Sequence[Answer]) -> tuple[int, float, float, int]:
    effect, score = min((_rank(answer) for answer in answers), default=(len(_ORDER), 0.0))
    return effect, score, departure.agreement, departure.index


def _pairs(answers: Iterable[Answer]) -> tuple[Pair, ...]:
    found: dict[tuple[str, str], list[Effect]] = defaultdict(list)
    for answer in answers:
        found[answer.before, answer.after].append(answer.effect)
    told = [Pair(*names, len(all_), all_.count("lost"), all_.count("won")) for names, all_ in found.items()]
    return tuple(sorted(told, key=lambda pair: (-pair.count, -pair.lost, pair.before, pair.after))[:_MOST_PAIRS])


def _example(departure: Departure, answers: Sequence[Answer], item: Item, shown: Shown) -> Example:
    placed = [
        replace(answer, box=_share(swap, item, shown)) for answer, swap in zip(answers, departure.swaps, strict=True)
    ]
    steps = shown.preprocess.image
    (tensor, *others) = item.tensors.values()
    picture = ""
    window: tuple[float, ...] = ()
    if shown.pictures and steps is not None:
        jpeg = encode_jpeg(restore_image(steps, tensor), longest_px=_LONGEST_PX, quality=_QUALITY)
        picture = f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"
    elif shown.pictures and not others:
        window = _thinned(tensor)
    return Example(
        sample=Path(item.name).name.encode(errors="replace").decode(),
        agreement=round(departure.agreement, 4),
        truth=shown.name_of(departure.truth),
        answers=tuple(sorted(placed, key=_rank)[:_MOST_ANSWERS]),
        picture=picture,
        window=window,
    )


def _share(swap: Swap, item: Item, shown: Shown) -> tuple[float, float, float, float] | None:
    """Return a box as shares of the picture that the model sees."""
    steps = shown.preprocess.image
    if swap.xyxy is None or item.transform is None or steps is None:
        return None
    corners = item.transform.to_model(np.array([swap.xyxy]))[0] / np.array(steps.size_wh * 2)
    left, top, right, bottom = (round(float(value), 4) for value in np.clip(corners, 0, 1))
    return left, top, right, bottom


def _thinned(tensor: Array) -> tuple[float, ...]:
    """Return some values of a tensor that is one line of them, evenly spread; none of another shape."""
    line = np.ravel(tensor)
    if max(tensor.shape, default=0) != line.size:
        return ()
    chosen = line[np.linspace(0, line.size - 1, min(_POINTS, line.size)).astype(int)]
    return tuple(float(f"{value:.4g}") for value in chosen.tolist())
