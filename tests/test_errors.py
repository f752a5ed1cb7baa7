from __future__ import annotations

import pytest

from edge_sdk.errors import EdgeError, GateError, InputError, TrustError, UnavailableError

FAMILIES = {InputError: 3, TrustError: 4, UnavailableError: 5, GateError: 6}


def test_the_families_are_four_and_each_has_its_exit_code():
    assert {family: family.exit_code for family in EdgeError.__subclasses__()} == FAMILIES
    assert EdgeError.exit_code == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_an_error_carries_its_message_and_its_cure(family):
    error = family("model: expected a file, got nothing", hint="say which")
    assert isinstance(error, EdgeError)
    assert (str(error), error.hint) == ("model: expected a file, got nothing", "say which")


def test_an_error_without_a_known_cure_has_an_empty_hint():
    assert InputError("model: expected a file, got nothing").hint == ""
