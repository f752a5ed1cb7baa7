"""What the tests of the first boot start from."""

from __future__ import annotations

import pytest

from tests.flash.fresh_board import Board, quick_pip_wheel


@pytest.fixture(scope="session")
def quick_pip(tmp_path_factory):
    """A wheel of a pip that is quick."""
    return quick_pip_wheel(tmp_path_factory.mktemp("wheels"))


@pytest.fixture
def board(tmp_path, quick_pip):
    """A board that nothing was done to."""
    return Board(tmp_path, quick_pip)
