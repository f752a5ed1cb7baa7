"""What a board will execute: the share of the work in integers, and each operator that is not, with its reason."""

from __future__ import annotations

from html import escape

from edge_sdk.page import code, folded, table
from edge_sdk.quantize.arithmetic import Arithmetic, arithmetic_lines
from edge_sdk.quantize.board_plan import Island, PlanPreview

_HEAD = ("in float", "operator", "share of the work", "why")
_MOST_IDLE = 40


def plan_section(plan: PlanPreview) -> str:
    """Return the plan of one board; operators with work of their own are all named."""
    working = [island for island in plan.islands if island.work]
    idle = [island for island in plan.islands if not island.work]
    inside = [island for island in idle if island.inside]
    parts = [
        f"<h3>Plan on {escape(plan.profile)}</h3>",
        f'<div class="bar"><i style="width:{plan.integer_share:.2%}"></i></div>',
        f"<p>{escape(plan.shares)}, of {plan.macs / 1e6:.1f} million multiply-accumulates; {plan.pairs} quantize and "
        f'dequantize, {plan.transposes} transposes remain. <span class="soft">{escape(plan.method)}</span></p>',
    ]
    if plan.speed is not None:
        told, unit = plan.speed, escape(plan.speed.unit)
        parts.append(
            f"<p>{told.time:.3g} {unit} an inference, {told.float_time:.3g} {unit} in float. "
            f'<span class="soft">{escape(told.basis[:1].upper() + told.basis[1:])}.</span></p>'
        )
    if working or inside:
        about = f"operators in float on {plan.profile}"
        parts.append(table(_HEAD, [_row(island) for island in [*working, *inside[:_MOST_IDLE]]], about=about))
    rest = [island for island in idle if not island.inside] + inside[_MOST_IDLE:]
    if rest:
        title = f"{len(rest)} more operators in float, without multiply-accumulates"
        rows = [_row(island) for island in rest[:_MOST_IDLE]]
        parts.append(folded(title, table(_HEAD, rows, about=title)))
    if plan.findings:
        found = [(escape(one.severity), escape(one.message), escape(one.hint)) for one in plan.findings]
        head = ("the board's engine", "expected and got", "what to do")
        parts.append(table(head, found, about="what breaks a rule of the board's engine"))
    return "".join(parts)


def arithmetic_section(told: Arithmetic) -> str:
    """Return with which arithmetic a variant was measured, and with which its boards compute."""
    parts = ["<h3>Arithmetic</h3>", *(f"<p>{escape(line)}</p>" for line in arithmetic_lines(told))]
    if told.layers:
        rows = [(code(x.layer), escape(x.kind), f"{x.results}", f"{x.worst_steps:.2f}") for x in told.layers]
        head = ("checked layer", "kind", "results", "steps from exact, at most")
        parts.append(table(head, rows, about="layers checked against exact sums"))
    return "".join(parts)


def _row(island: Island) -> tuple[str, ...]:
    return code(island.name), escape(island.op), f"{island.work:.2%}", escape(island.reason)
