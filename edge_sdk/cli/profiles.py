"""`edge-sdk profiles`: the boards that edge-sdk knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from edge_sdk.cli import output
from edge_sdk.profiles import (
    Detected,
    DeviceProfile,
    detect_profile,
    list_profiles,
    load_profile,
    read_profiles,
)

app = typer.Typer(help="Show the boards that edge-sdk knows, and tell which one this is.", no_args_is_help=True)

ProfilesDir = Annotated[
    Path | None,
    typer.Option("--profiles-dir", envvar="EDGE_SDK_PROFILES", help="Folder of your own profiles.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the record as JSON.")]


@app.command("list")
def list_boards(profiles_dir: ProfilesDir = None, as_json: AsJson = False) -> None:
    """List all boards.

    Example: edge-sdk profiles list
    """
    found = list_profiles(profiles_dir)
    output.emit(found, _table(found), as_json=as_json)


@app.command("show")
def show_board(
    board: Annotated[str, typer.Argument(help="Name or alias of a board, or the file of a profile.")],
    profiles_dir: ProfilesDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what a profile says, with its sources.

    Example: edge-sdk profiles show raspberry-pi-5
    """
    profile = load_profile(board, profiles_dir)
    output.emit(profile, _lines(profile), as_json=as_json)


@app.command("check")
def check_profiles(
    place: Annotated[Path, typer.Argument(help="The file of a profile, or a folder of profiles.")],
    as_json: AsJson = False,
) -> None:
    """Check profiles of your own; all mistakes are told at once.

    Example: edge-sdk profiles check my-boards
    """
    found = read_profiles(place)
    output.emit(found, (f"{profile.name}: ok" for profile in found), as_json=as_json)


@app.command("detect")
def detect_board(
    root: Annotated[Path, typer.Option(help="Where the board's file system is.")] = Path("/"),
    profiles_dir: ProfilesDir = None,
    as_json: AsJson = False,
) -> None:
    """Tell which board this is, and by what.

    Example: edge-sdk profiles detect
    """
    detected = detect_profile(root, profiles_dir)
    output.emit(detected, _found(detected), as_json=as_json)


def _table(profiles: Iterable[DeviceProfile]) -> Iterator[str]:
    rows = (
        (
            profile.name,
            profile.title,
            profile.family,
            profile.cpu.core,
            _size(profile.memory_bytes),
            profile.system.onnxruntime,
        )
        for profile in profiles
    )
    return output.table(("NAME", "BOARD", "FAMILY", "CPU", "MEMORY", "ONNXRUNTIME"), rows)


def _lines(profile: DeviceProfile) -> Iterator[str]:
    cpu, system, policy, budget = profile.cpu, profile.system, profile.quantization, profile.budget
    latency = "" if budget.latency_ms is None else f", {budget.latency_ms:g} ms"
    yield f"{profile.name}: {profile.title}"
    yield f"  also      {', '.join(profile.aliases) or 'no other name'}"
    yield f"  cpu       {cpu.cores} x {cpu.core} at {cpu.clock_mhz} MHz, {', '.join(sorted(cpu.features))}"
    if profile.gpu:
        precisions = ", ".join(sorted(profile.gpu.precisions))
        yield f"  gpu       {profile.gpu.name}, compute capability {profile.gpu.compute_capability}, {precisions}"
    yield f"  memory    {_size(profile.memory_bytes)}, of the smallest such board"
    yield f"  system    {system.name}, Python {system.python}"
    yield f"  runtime   onnxruntime {system.onnxruntime}, opset {system.max_opset}, IR {system.max_ir}" + (
        f", TensorRT {system.tensorrt}" if system.tensorrt else ""
    )
    for provider in profile.providers:
        options = " ".join(f"{key}={value}" for key, value in provider.options.items())
        yield f"  provider  {provider.name} {options}".rstrip()
    yield from (f"  session   {key}={value}" for key, value in profile.session.items())
    spinning = "spinning" if profile.threads.spinning else "not spinning"
    yield f"  threads   {profile.threads.intra_op or 'all'}, {spinning}"
    yield f"  variants  {', '.join(profile.families)} (best first)"
    yield (
        f"  accept    at most {policy.max_drop_points:g} points lost, agreement {policy.min_agreement:g}, "
        f"integer share {policy.min_integer_share:g}; ranges by {policy.range_method}"
    )
    yield f"  budget    {_size(budget.model_bytes)} file, {_size(budget.memory_bytes)} memory{latency}"
    yield from (f"  note      {note}" for note in profile.notes)
    for source in profile.sources:
        yield f"  source    {source.says}"
        yield f"            {source.where}"


def _found(detected: Detected) -> Iterator[str]:
    yield f"{detected.profile.name}: {detected.profile.title}"
    yield from (f"  {found.file} says {found.mark}: {found.profile}" for found in detected.evidence)
    yield from (f"  note: {note}" for note in detected.notes)


def _size(size_bytes: int) -> str:
    mebibytes = size_bytes >> 20
    return f"{mebibytes / 1024:g} GiB" if mebibytes >= 1024 else f"{mebibytes} MiB"
