"""How long a kit of the usual size takes into an image of a card's size, beside copying that image."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest.mock import patch

from edge_sdk.flash import Parcel
from edge_sdk.flash.image import customise, survey
from tests.flash.image import images
from tests.flash.kits import CONTENTS, a_kit

_ROUNDS = 3
_WHEELS, _WHEEL_BYTES = 25, 4 << 20
_FAT_BYTES, _ROOT_BYTES = 544 << 20, 2 << 30
_FILLED_BYTES = 1 << 30


def measure(folder: Path) -> Mapping[str, Mapping[str, float]]:
    """Return the medians in seconds by kind of image: `copy` alone, and `customise`, which copies, too."""
    return {kind: _measure(kind, folder) for kind in ("trixie", "debian")}


def _measure(kind: str, folder: Path) -> dict[str, float]:
    with patch.multiple(images, FAT_BYTES=_FAT_BYTES, ROOT_BYTES=_ROOT_BYTES):
        image: Path = getattr(images, kind)(folder)
    _fill(image)
    took: dict[str, list[float]] = {"copy": [], "customise": []}
    for _ in range(_ROUNDS):
        again = folder / f"{kind}.again"
        took["copy"].append(_timed(lambda again=again: _copy(image, again)))
        took["customise"].append(_timed(lambda again=again: customise(again, survey(again), _parcel(), lambda _: None)))
        again.unlink()
    image.unlink()
    return {name: statistics.median(times) for name, times in took.items()}


def _fill(image: Path) -> None:
    """Give the image what a system has: bytes that no copy leaves out, as a file in its root."""
    from edge_sdk.flash.image.ext4 import Ext4Volume
    from edge_sdk.flash.image.partitions import read_partitions

    root = next(part for part in read_partitions(image) if part.file_system == "ext4")
    content = image.with_suffix(".filling")
    with content.open("wb") as file:
        for _ in range(_FILLED_BYTES >> 20):
            file.write(os.urandom(1 << 20))
    Ext4Volume(image, root).write({"filling": content})
    content.unlink()


def _parcel() -> Parcel:
    wheels = {f"wheels/wheel{number}-1-py3-none-any.whl": os.urandom(_WHEEL_BYTES) for number in range(_WHEELS)}
    contents = {**CONTENTS, **wheels}
    return Parcel(a_kit(contents), contents, {})


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    with target.open("rb+") as file:
        os.fsync(file.fileno())


def _timed(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s
