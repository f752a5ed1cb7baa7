"""`edge-sdk plan`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_sdk.cli import output
from edge_sdk.cli.options import SchemeOption, parse_shapes, require_onnx, told_scheme
from edge_sdk.cli.profiles import ProfilesDir
from edge_sdk.errors import GateError, InputError
from edge_sdk.profiles import load_profile

if TYPE_CHECKING:
    from edge_sdk.quantize.board_plan import PlanPreview

_MOST_ISLANDS = 20
_MOST_PLACES = 3


def preview_plan(
    file: Annotated[Path, typer.Argument(help="A package NAME.edge or an ONNX model.", show_default=False)],
    profile: Annotated[
        str,
        typer.Option(
            "--profile", "-p", metavar="BOARD", help="The board, by name or profile file.", show_default=False
        ),
    ],
    scheme: SchemeOption = "auto",
    min_integer_share: Annotated[
        float | None,
        typer.Option(help="Exit with 6 if less of the work is in integers, 0 to 1.", show_default=False),
    ] = None,
    input_shape: Annotated[
        list[str] | None,
        typer.Option(metavar="SHAPE", help="Sizes of a free input: NAME=1x3x224x224.", show_default=False),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 6 also if the board would be slow.")] = False,
    profiles_dir: ProfilesDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Show what a board will execute: the share of the work in integer kernels, and why the rest is not.

    A float model is shown as it will be once quantized; no data is needed for that. For boards with TensorRT, the model
    is checked by TensorRT's rules: exit code 6 if it would be refused.

    Example: edge-sdk plan detector.onnx -p raspberry-pi-5 --min-integer-share 0.95
    """
    require_onnx()
    from edge_sdk.quantize import plan_of_file

    if min_integer_share is not None and not 0 <= min_integer_share <= 1:
        raise InputError(f"min-integer-share: expected 0 to 1, got {min_integer_share:g}")
    plan = plan_of_file(
        file, load_profile(profile, profiles_dir), parse_shapes(input_shape or []), scheme=told_scheme(scheme)
    )
    output.emit(plan, _lines(plan), as_json=as_json)
    _require_taken(plan, strict=strict)
    if min_integer_share is not None and plan.integer_share < min_integer_share:
        raise GateError(
            f"plan: expected at least {min_integer_share:.1%} of the work in integers, got {plan.integer_share:.1%}"
        )


def _lines(plan: PlanPreview) -> Iterator[str]:
    yield f"{plan.profile}, {plan.family}: {plan.shares}, which is {plan.macs / 1e6:.1f} M multiply-accumulates"
    yield f"{plan.pairs} quantize and dequantize, {plan.transposes} transposes remain ({plan.method})"
    if plan.speed is not None and plan.speed.time > 0:
        told, unit, gain = plan.speed, plan.speed.unit, plan.speed.float_time / plan.speed.time
        yield f"{told.time:.3g} {unit}, float {told.float_time:.3g} {unit}: {gain:.2f} times as fast ({told.basis})"
    inside = [island for island in plan.islands if island.inside or island.work]
    after = len(plan.islands) - len(inside)
    if inside:
        yield ""
        rows = [(x.name, x.op, f"{x.work:.2%}", x.reason) for x in inside[:_MOST_ISLANDS]]
        yield from output.table(("in float", "operator", "work", "why"), rows)
    if len(inside) > _MOST_ISLANDS:
        yield f"and {len(inside) - _MOST_ISLANDS} more (--json shows all)"
    if after:
        yield f"{after} small operators in float stand after the last int8 layer, where float is right"
    yield from _finding_lines(plan)


def _finding_lines(plan: PlanPreview) -> Iterator[str]:
    """Yield what breaks the rules of the board's engine: of each rule the first few places, and the cure once."""
    for rule in dict.fromkeys(finding.rule for finding in plan.findings):
        found = [finding for finding in plan.findings if finding.rule == rule]
        yield from (f"{one.severity}: {one.message} ({rule})" for one in found[:_MOST_PLACES])
        if len(found) > _MOST_PLACES:
            yield f"{found[0].severity}: and {len(found) - _MOST_PLACES} more ({rule}; --json shows all)"
        if found[0].hint:
            yield f"  hint: {found[0].hint}"


def _require_taken(plan: PlanPreview, *, strict: bool) -> None:
    refused, slow = len(plan.found("refused")), len(plan.found("slow"))
    if refused:
        raise GateError(f"plan: expected a model that {plan.profile} takes, got {refused} refused places")
    if strict and slow:
        raise GateError(f"plan: expected a model that {plan.profile} takes in full speed, got {slow} slow places")
