"""What `edge-sdk run` is asked to leave out, read from the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_sdk.errors import InputError
from edge_sdk.profiles import DeviceProfile, detect_profile

if TYPE_CHECKING:
    from edge_sdk.package import Manifest, ModelPackage
    from edge_sdk.preprocess import Preprocess
    from edge_sdk.runtime import Pipeline
    from edge_sdk.runtime.thrift.governor import GovernorOptions, Rung
    from edge_sdk.runtime.thrift.motion import MotionOptions


def told_motion(levels: float | None, steps: Preprocess) -> MotionOptions | None:
    """Return when pictures are worth the model; None if nothing is asked for.

    Args:
        levels: By how many grey levels a picture must change.
        steps: What the model takes.

    Raises:
        InputError: There are no so many levels, or the model takes no pictures.
    """
    from edge_sdk.runtime.thrift.motion import MotionOptions

    if levels is None:
        return None
    if steps.window is not None:
        raise InputError("--motion-gate: expected a model of pictures, got one of windows of sensor values")
    return MotionOptions(threshold=levels)


def told_ladder(
    texts: Sequence[str],
    package: ModelPackage,
    open_model: Callable[[ModelPackage], Pipeline],
    *,
    is_followed: bool = False,
) -> tuple[Rung, ...]:
    """Return the rungs of a ladder, that of the run as it begins first.

    Args:
        texts: `fps=15,10,5` and `model=FILE.edge`, from the top down; each rate and each model is one more rung, which
            keeps what is not said from the one above.
        package: The package of the run.
        open_model: Opens a package.
        is_followed: Whether another package may take over in the run, so that the ladder has none of its own.

    Raises:
        InputError: A text is of neither form, or a model is followed, or does another thing than that of the run.
    """
    from edge_sdk.runtime.thrift.governor import Rung

    models = any(text.startswith("model=") for text in texts)
    if models and is_followed:
        raise InputError("--ladder: expected rates alone with --follow-package, got model=")
    rungs = [Rung("full", open_model=partial(open_model, package) if models else None)]
    smaller = ""
    for text in texts:
        kind, _, value = text.partition("=")
        if kind == "model" and value:
            smaller = Path(value).name
            opener = partial(open_model, _alike(Path(value), package.manifest))
            rungs.append(Rung(_name(rungs[-1].fps, smaller), rungs[-1].fps, opener))
        elif kind == "fps":
            rungs.extend(Rung(_name(fps, smaller), fps, rungs[-1].open_model) for fps in _rates(text, value))
        else:
            raise InputError(f"--ladder: expected fps=15,10,5 or model=FILE.edge, got '{text}'")
    return tuple(rungs)


def told_governor(
    rungs: tuple[Rung, ...], board: DeviceProfile | None, *, deadline_ms: float | None, max_temperature_c: float | None
) -> GovernorOptions | None:
    """Return when the run does less; None if no ladder is asked for.

    Args:
        rungs: The ladder; one rung is none.
        board: Says how hot it may be; this machine if None.
        deadline_ms: See `GovernorOptions`.
        max_temperature_c: How hot it may be, instead.

    Raises:
        InputError: A limit is given without a ladder, or makes no sense.
    """
    from edge_sdk.runtime.thrift.governor import GovernorOptions

    if len(rungs) == 1 and (deadline_ms, max_temperature_c) == (None, None):
        return None
    if len(rungs) == 1:
        raise InputError("--deadline-ms, --max-temperature: expected --ladder too, got none", hint="--ladder fps=15,10")
    if max_temperature_c is None:
        max_temperature_c = (board or detect_profile().profile).max_temperature_c
    return GovernorOptions(rungs, deadline_ms=deadline_ms, max_temperature_c=max_temperature_c)


def _rates(text: str, numbers: str) -> list[float]:
    try:
        return [float(number) for number in numbers.split(",")]
    except ValueError as exc:
        raise InputError(f"--ladder: expected rates such as fps=15,10,5, got '{text}'") from exc


def _name(fps: float | None, model: str) -> str:
    return ", ".join(([f"{fps:g} fps"] if fps is not None else []) + ([model] if model else []))


def _alike(path: Path, manifest: Manifest) -> ModelPackage:
    """Open the package of a lower rung, whose results must mean what those of the run mean."""
    from edge_sdk.package import open_package

    package = open_package(path)
    for what, one, other in (
        ("task", manifest.task.kind, package.manifest.task.kind),
        ("labels", manifest.labels, package.manifest.labels),
        ("windows", manifest.preprocess.window, package.manifest.preprocess.window),
    ):
        if one != other:
            raise InputError(f"{path}: expected the {what} of {manifest.name} ({one}), got {other}")
    return package
