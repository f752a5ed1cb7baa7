from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_sdk.flash.ssh.address import Address
from edge_sdk.flash.ssh.refusals import refusal

CASES = json.loads((Path(__file__).parents[2] / "cases/flash/ssh_refusals.json").read_text())
"""What OpenSSH 9.2 said in each case, and what becomes of it."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: (case["said"].strip() or "nothing").splitlines()[-1][:40])
def test_what_ssh_says_becomes_a_cause_and_a_cure(case):
    error = refusal(Address("press-4", "pi", 2222), case["said"])
    assert type(error).__name__ == case["error"]
    assert str(error) == f"ssh://pi@press-4:2222: {case['message']}"
    assert error.hint == case["hint"]


def test_a_long_complaint_is_cut():
    assert len(str(refusal(Address("press-4"), "x" * 10_000))) < 400
