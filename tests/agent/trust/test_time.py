"""Expiry on boards whose clock starts in 1970, or ran ahead."""

import pytest

from edge_sdk.agent.state import State
from edge_sdk.agent.time_floor import MADE_UNIX_S, TimeFloor, is_synchronized
from edge_sdk.errors import TrustError
from tests.repositories import Board, Operator, quorum

DAY_S = 86_400
YEAR_S = 365 * DAY_S


@pytest.fixture
def operator(tmp_path):
    return Operator(tmp_path / "repository")


@pytest.fixture
def board(tmp_path, operator):
    return Board(tmp_path / "board", operator)


def test_a_board_without_a_clock_takes_what_is_valid(board):
    board.now_s = 0
    assert board.trust.refresh()["timestamp"] == 1
    assert not board.time.is_trusted()


def test_what_has_expired_is_refused_and_what_was_kept_stays(operator, board):
    board.trust.refresh()
    board.now_s += 8 * DAY_S
    with pytest.raises(TrustError, match=r"timestamp.json is expired"):
        board.trust.refresh()
    operator.now_s = board.now_s
    operator.repository.refresh()
    assert board.trust.refresh()["timestamp"] == 2


def test_a_board_without_a_clock_learns_the_time_from_a_signed_timestamp(operator, board):
    board.now_s = 0
    board.trust.refresh()
    operator.now_s += YEAR_S + DAY_S
    operator.with_keys("root").rotate("timestamp", quorum(*operator.keys["timestamp"]))
    operator.repository.refresh()
    with pytest.raises(TrustError, match="New targets is expired"):
        board.trust.refresh()
    board.start()
    assert board.shelf.floors().timestamp.issued_unix_s == int(operator.now_s)


def test_a_true_clock_outlives_a_power_cut(board):
    board.is_synchronized = True
    board.trust.refresh()
    assert board.time.kept_unix_s == int(board.now_s)
    board.now_s, board.is_synchronized = 0, False
    board.start()
    assert board.time.now_unix_s() == int(board.operator.now_s)
    assert not board.time.is_trusted()
    board.now_s, board.is_synchronized = board.operator.now_s, True
    assert board.time.is_trusted()


def test_the_clock_is_kept_once_in_some_minutes(board):
    board.is_synchronized = True
    board.trust.refresh()
    board.now_s += 599
    board.time.observe()
    assert board.time.kept_unix_s == int(board.operator.now_s)
    board.now_s += 2
    board.time.observe()
    assert board.time.kept_unix_s == int(board.operator.now_s + 601)


def test_a_clock_ahead_that_nobody_vouches_for_is_not_kept(board):
    board.now_s += 20 * YEAR_S
    with pytest.raises(TrustError, match="is expired"):
        board.trust.refresh()
    board.time.observe()
    board.now_s = board.operator.now_s
    board.start()
    assert board.trust.refresh()["timestamp"] == 1


def test_a_new_root_helps_a_board_whose_kept_time_is_ahead(operator, board):
    board.trust.refresh()
    board.now_s, board.is_synchronized = operator.now_s + 20 * YEAR_S, True
    board.time.observe()
    board.now_s = operator.now_s
    board.start()
    with pytest.raises(TrustError, match="is expired"):
        board.trust.refresh()
    assert operator.repository.put("root", operator.repository.root)
    assert board.trust.refresh()["root"] == 2
    assert board.time.kept_unix_s == 0, "what was ahead is forgotten"
    board.trust.refresh()
    assert board.time.kept_unix_s == int(board.now_s)


def test_no_clock_is_before_this_version(tmp_path):
    with State(tmp_path / "state.db") as state:
        time = TimeFloor(state, clock=lambda: 0.0, is_synchronized=lambda: True)
        assert time.now_unix_s() == MADE_UNIX_S
        assert not time.is_trusted()
        time.observe()
        assert time.kept_unix_s == 0


def test_the_kernel_says_whether_its_clock_is_in_step():
    assert is_synchronized() in {True, False}
