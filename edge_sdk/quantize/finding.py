"""What the doctor finds in samples: each finding with its evidence, and what may be done about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from edge_sdk.errors import InputError

FindingKind = Literal["reading", "too-few", "duplicates", "leakage", "blank", "one-class"]
Severity = Literal["refuse", "warn"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with samples, or looks so.

    Attributes:
        kind: `reading` (scale or channel order), `too-few`, `duplicates`, `leakage` (between calibration and
            evaluation), `blank`, `one-class`.
        severity: `refuse`: time would be wasted; `warn`: worth a look.
        place: The samples it is about.
        says: What was expected and what was found.
        evidence: What was measured.
        hint: What to do about it.
    """

    kind: FindingKind
    severity: Severity
    place: str
    says: str
    evidence: str
    hint: str

    @property
    def line(self) -> str:
        """The finding in one line, without its hint."""
        return f"{self.place}: {self.says} ({self.evidence})"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the doctor says of samples.

    Attributes:
        calibration_samples: How many there are to calibrate with.
        evaluation_samples: How many there are to measure on.
        findings: What is wrong with them; empty if nothing was found.
    """

    calibration_samples: int
    evaluation_samples: int
    findings: tuple[Finding, ...]


def require_sound(findings: Iterable[Finding]) -> None:
    """Check that no finding refuses.

    Raises:
        InputError: One does; the first is told.
    """
    for finding in findings:
        if finding.severity == "refuse":
            raise InputError(finding.line, hint=f"{finding.hint}; --trust-data goes on all the same")


def finding_lines(findings: Iterable[Finding]) -> list[str]:
    """Return findings as text for a terminal."""
    lines = []
    for finding in findings:
        lines += [f"{finding.severity}: {finding.line}", f"  hint: {finding.hint}"]
    return lines


def check_lines(report: CheckReport) -> list[str]:
    """Return what the doctor says as text for a terminal."""
    count = len(report.findings)
    looked = f"{report.calibration_samples} samples to calibrate with, {report.evaluation_samples} to measure on"
    return [f"{looked}: {count or 'no'} finding{'' if count == 1 else 's'}", *finding_lines(report.findings)]
