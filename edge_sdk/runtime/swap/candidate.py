"""The model that is to take over: whether it can stand in the other one's place, and how it is opened."""

from __future__ import annotations

from pathlib import Path

from edge_sdk.errors import InputError
from edge_sdk.package import FileEntry, Manifest, ModelPackage, open_package
from edge_sdk.package.golden import check_golden, read_golden
from edge_sdk.preprocess import Preprocess
from edge_sdk.profiles import detect_profile
from edge_sdk.runtime.pipeline import Pipeline

_AS_SOURCES_CUT = ("columns", "samples", "hop", "rate_hz", "gap", "gap_rows")


def open_fitting(path: Path, active: Pipeline, *, compares: bool) -> ModelPackage:
    """Open the package of a candidate.

    Args:
        path: Where it is.
        active: The model in use.
        compares: Whether the results of both are to be compared.

    Raises:
        InputError: It is no package, is for another task, takes what the sources do not give, or its results cannot be
            compared.
        TrustError: It is not what its manifest says.
    """
    package = open_package(path)
    manifest, used, where = package.manifest, active.manifest, path.name
    if manifest.task.kind != used.task.kind:
        raise InputError(f"{where}: expected a model for {used.task.kind}, got {manifest.task.kind}")
    if compares and manifest.labels != used.labels:
        raise InputError(
            f"{where}: expected the labels of the model in use, got others",
            hint="shadow_samples=0 takes a model over that cannot be compared",
        )
    if _taken(manifest) != _taken(used):
        raise InputError(f"{where}: expected a model that takes {_taken(used)}, got {_taken(manifest)}")
    return package


def model_of(package: ModelPackage, active: Pipeline) -> FileEntry:
    """Return the file that would be opened.

    Raises:
        InputError: The package has no variant for the board.
    """
    board = active.opened.profile if active.opened else detect_profile().profile
    return package.manifest.variants[package.manifest.family_for(board)].model


def open_candidate(package: ModelPackage, active: Pipeline) -> Pipeline:
    """Open a candidate as the model in use was opened; a sample for which it gives no numbers fails.

    Raises:
        InputError: It cannot be loaded.
    """
    candidate = active.opened.open(package) if active.opened else Pipeline.open(package)
    candidate.refuses_nan = True
    return candidate


def prove(candidate: Pipeline) -> None:
    """Check that a candidate computes here what it did where its package was made.

    Raises:
        InputError: Its package has no golden samples, or they do not fit it.
        GateError: It does not.
    """
    opened = candidate.opened
    if opened is not None:
        variant = opened.package.manifest.variants[opened.family]
        check_golden(read_golden(opened.package, variant), candidate.session, where=candidate.manifest.name)


def _taken(manifest: Manifest) -> str:
    """Tell what a model takes from its sources."""
    steps = manifest.preprocess
    if steps.window is not None:
        return "windows of " + ", ".join(f"{name}={getattr(steps.window, name)}" for name in _AS_SOURCES_CUT)
    if steps == Preprocess():
        return ", ".join(f"{spec.name} {spec.describe()}" for spec in manifest.inputs)
    return "pictures"
