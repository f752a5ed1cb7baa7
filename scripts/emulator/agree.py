"""Whether ARM cores compute what was measured here, and how many instructions float and int8 take there.

Of a package, the `arm-int8` file itself is what an emulated core runs. On x86 two things stand for it: its twin
(`x86-int8`, which the accuracy guard measures), and the same file with int8 kept int8. Integer kernels of ARM and x86
round differently by design, so results are compared by what they say (the task's agreement) and in dB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_sdk.errors import InputError
from edge_sdk.package import ModelPackage, open_package
from edge_sdk.profiles import Family
from edge_sdk.quantize.data import Item, Samples
from edge_sdk.quantize.measure import snr_db
from edge_sdk.session import SessionConfig, host_config, open_session
from edge_sdk.tasks import Result, build_task, for_scoring
from edge_sdk.tensors import Tensors
from scripts.emulator.board import EmulatedBoard

SAMPLES = 50
_FLOAT_SAMPLES = 4
_ARM: Family = "arm-int8"
_INT8_AS_ON_ARM = SessionConfig(entries={"session.qdqisint8allowed": "1"})


@dataclass(frozen=True, slots=True)
class Subject:
    """What is compared.

    Attributes:
        package: A package with an `arm-int8` variant.
        float_model: The float model that it was made from, or None.
        samples: What both are run on.
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
    if _ARM not in variants:
        raise InputError(f"{subject.package.path}: expected a variant {_ARM}, got {', '.join(variants)}")
    items = list(subject.samples.spread(SAMPLES))
    here = {
        _ARM: _outputs(subject.package.read(variants[_ARM].model), _INT8_AS_ON_ARM, items),
        **{name: _outputs(model, host_config(), items) for name, model in _stand_ins(subject).items()},
    }
    return {"samples": len(items), "cores": {core: _on_core(board, core, subject, items, here) for core in cores}}


def _stand_ins(subject: Subject) -> dict[str, bytes]:
    """Return the models that stand for the ARM file on x86, and the float model."""
    variants = subject.package.manifest.variants
    twin = {"x86-int8": subject.package.read(variants["x86-int8"].model)} if "x86-int8" in variants else {}
    return {**twin, **({"float": subject.float_model} if subject.float_model is not None else {})}


def _outputs(model: bytes, config: SessionConfig, items: Sequence[Item]) -> list[Tensors]:
    session = open_session(model, config, where="on x86")
    return [session.run(item.tensors) for item in items]


def _on_core(
    board: EmulatedBoard, core: str, subject: Subject, items: Sequence[Item], here: dict[str, list[Tensors]]
) -> dict[str, Any]:
    model = subject.package.read(subject.package.manifest.variants[_ARM].model)
    samples = [item.tensors for item in items]
    there: list[Tensors] = list(board.outputs(core, model, samples))
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
    runs = {"int8": model}
    if subject.float_model is not None:
        few = board.outputs(core, subject.float_model, samples[:_FLOAT_SAMPLES])
        figures["float_snr_db"] = _snr(here["float"][:_FLOAT_SAMPLES], list(few))
        runs["float"] = subject.float_model
    counts = board.count(core, [(one, samples[0]) for one in runs.values()])
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
