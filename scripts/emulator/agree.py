"""Whether ARM cores compute what was measured here, and how many instructions float and int8 take there.

Of a package, the `arm-int8` file itself is what an emulated core runs. On x86 two things stand for it: its twin
(`x86-int8`, which the accuracy guard measures), and the same file with int8 kept int8. Integer kernels of ARM and x86
round differently by design, so results are compared by what they say (the task's agreement) and in dB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_sdk.errors import InputError
from edge_sdk.package import ModelPackage, open_package
from edge_sdk.profiles import Family
from edge_sdk.samples import Item, Samples, read_pictures
from edge_sdk.session import SessionConfig, arm_config, host_config, open_session
from edge_sdk.tasks import Result, build_task, for_scoring
from edge_sdk.tensors import Tensors, snr_db
from scripts.emulator.board import EmulatedBoard

SAMPLES = 50
_FLOAT_SAMPLES = 4
ARM: Family = "arm-int8"
X86: Family = "x86-int8"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is compared.

    Attributes:
        package: A package with an `arm-int8` variant.
        float_model: The float model that it was made from, or None.
        samples: What both are run on, as the float model takes them.
    """

    package: ModelPackage
    float_model: bytes | None
    samples: Samples


def compare(board: EmulatedBoard, cores: Sequence[str], subject: Subject) -> dict[str, Any]:
    """Return the figures of a package on each core.

    Raises:
        InputError: The package has no `arm-int8` variant, or the samples do not fit it.
    """
    variants = subject.package.manifest.variants
    if ARM not in variants:
        raise InputError(f"{subject.package.path}: expected a variant {ARM}, got {', '.join(variants)}")
    items = list(subject.samples.spread(SAMPLES))
    taken = {ARM: _as_taken(subject.package, ARM, items)}
    here = {ARM: _outputs(subject.package.read(variants[ARM].model), arm_config(), taken[ARM])}
    if X86 in variants:
        twin = subject.package.read(variants[X86].model)
        here[X86] = _outputs(twin, host_config(), _as_taken(subject.package, X86, items))
    if subject.float_model is not None:
        taken["float"] = items
        here["float"] = _outputs(subject.float_model, host_config(), items)
    return {"samples": len(items), "cores": {core: _on_core(board, core, subject, taken, here) for core in cores}}


def _as_taken(package: ModelPackage, family: Family, items: Sequence[Item]) -> list[Item]:
    """Return the samples as a variant takes them: some have preprocessing of their own, and take pixels."""
    variant = package.manifest.variants[family]
    if variant.preprocess is None:
        return list(items)
    inputs = open_session(package.read(variant.model), host_config(), where=family).inputs
    return list(read_pictures([Path(item.name) for item in items], variant.preprocess, inputs))


def _outputs(model: bytes, config: SessionConfig, items: Sequence[Item]) -> list[Tensors]:
    session = open_session(model, config, where="on x86")
    return [session.run(item.tensors) for item in items]


def _on_core(
    board: EmulatedBoard,
    core: str,
    subject: Subject,
    taken: Mapping[str, Sequence[Item]],
    here: Mapping[str, Sequence[Tensors]],
) -> dict[str, Any]:
    """Return the figures of a core, beside what models gave here."""
    items = taken[ARM]
    model = subject.package.read(subject.package.manifest.variants[ARM].model)
    there = board.outputs(core, model, [item.tensors for item in items])
    decode = _decoder(subject.package)
    results = decode(items, there)
    agrees = build_task(subject.package.manifest.task).agreement
    figures: dict[str, Any] = {
        "agreement": {
            name: round(float(np.mean([agrees(a, b) for a, b in zip(decode(items, outputs), results, strict=True)])), 4)
            for name, outputs in here.items()
        },
        "snr_db": {name: _snr(outputs, there) for name, outputs in here.items()},
        "golden": board.golden(core, subject.package.path),
    }
    runs = {"int8": (model, items[0].tensors)}
    if subject.float_model is not None:
        few = [item.tensors for item in taken["float"][:_FLOAT_SAMPLES]]
        figures["float_snr_db"] = _snr(here["float"][:_FLOAT_SAMPLES], board.outputs(core, subject.float_model, few))
        runs["float"] = (subject.float_model, few[0])
    counts = board.count(core, list(runs.values()))
    return {**figures, "instructions": {name: asdict(count) for name, count in zip(runs, counts, strict=True)}}


def _decoder(package: ModelPackage) -> Callable[[Sequence[Item], Sequence[Tensors]], list[Result]]:
    task = build_task(for_scoring(package.manifest.task))
    return lambda items, outputs: [task.decode(one, item.transform) for item, one in zip(items, outputs, strict=True)]


def _snr(expected: Sequence[Tensors], got: Sequence[Tensors]) -> float:
    """Return the median over samples of the worst output's signal-to-noise ratio in dB."""
    ratios = [min(snr_db(a[name], b[name]) for name in a) for a, b in zip(expected, got, strict=True)]
    return round(float(np.median(ratios)), 1)


def open_subject(package: Path, samples: Callable[[ModelPackage], Samples], float_model: Path | None) -> Subject:
    """Return a package, its samples and its float model, opened."""
    opened = open_package(package)
    return Subject(opened, None if float_model is None else float_model.read_bytes(), samples(opened))
