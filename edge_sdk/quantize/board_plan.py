"""What a board will execute, as records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["refused", "slow"]
"""What the board's engine does with what breaks a rule: it refuses it, or computes it elsewhere or slower."""

PAIRS = frozenset({"QuantizeLinear", "DequantizeLinear"})
"""The operators that convert values between float and integers."""


@dataclass(frozen=True, slots=True)
class Island:
    """An operator in float.

    Attributes:
        name: The operator's name.
        op: Its type.
        work: Its share of the model's multiply-accumulates, 0 to 1.
        inside: Whether integer operators follow it, so that values are converted for it and back.
        reason: Why it is not in integers.
    """

    name: str
    op: str
    work: float
    inside: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A place of a model that breaks a rule of the board's engine.

    Attributes:
        rule: The rule's name.
        severity: What the engine does.
        message: `place: expected X, got Y`.
        hint: The cure, where it is known.
    """

    rule: str
    severity: Severity
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class PlanSpeed:
    """What a model takes on a board beside its float variant there.

    Attributes:
        time: Of one inference, all layers quantized.
        float_time: The same of the board's float variant.
        unit: What both are told in.
        basis: Where they come from, in words.
    """

    time: float
    float_time: float
    unit: str
    basis: str


@dataclass(frozen=True, slots=True)
class PlanPreview:
    """What a board will execute.

    Attributes:
        profile: Name of the board's profile.
        family: The variant family.
        method: How this is known.
        macs: Multiply-accumulates of one inference.
        integer_share: Share of them in integer kernels, 0 to 1.
        operators: Count of executed operators by type.
        islands: Operators in float, the largest first.
        pairs: QuantizeLinear and DequantizeLinear that remain.
        transposes: Transposes that remain.
        half_share: Share of the multiply-accumulates that the file has in float16, 0 to 1.
        findings: What breaks a rule of the board's engine; empty if nothing.
        speed: What it takes beside the board's float variant, by a model of the board; None where that is not known.
    """

    profile: str
    family: str
    method: str
    macs: int
    integer_share: float
    operators: dict[str, int]
    islands: tuple[Island, ...]
    pairs: int
    transposes: int
    half_share: float = 0.0
    findings: tuple[Finding, ...] = ()
    speed: PlanSpeed | None = None

    @property
    def shares(self) -> str:
        """The shares of the work in integers and in float16, in words."""
        half = f", {self.half_share:.1%} in float16" if self.half_share else ""
        return f"{self.integer_share:.1%} of the work in integers{half}"

    def found(self, severity: Severity) -> tuple[Finding, ...]:
        """Return the findings of a severity."""
        return tuple(finding for finding in self.findings if finding.severity == severity)
