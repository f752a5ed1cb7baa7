"""A kill, and a full disk, at every write of a refresh: the board goes on, and never takes what is older again."""

import errno
import shutil

import pytest

from edge_sdk import files
from edge_sdk.agent.state import State
from edge_sdk.errors import TrustError, UnavailableError
from tests.repositories import Board, Operator, new_key, quorum


class _Killed(BaseException):
    """The end of the process, at a place that the test chooses."""


@pytest.fixture
def operator(tmp_path):
    """A repository with an older state beside it, `old`, and then a new root, new targets and new online roles."""
    operator = Operator(tmp_path / "repository")
    shutil.copytree(operator.folder, tmp_path / "old")
    operator.keys["director"] = [new_key()]
    operator.repository = operator.with_keys("root", "targets", "snapshot", "timestamp", "director")
    assert operator.repository.rotate("director", quorum(*operator.keys["director"]))
    assert operator.repository.put("root", operator.repository.root)
    return operator


def _failing(monkeypatch, after, failure):
    """Let the write after so many others fail, and all that come later too."""
    left = [after]

    def before(write):
        def writing(*arguments, **named):
            left[0] -= 1
            if left[0] < 0:
                raise failure
            return write(*arguments, **named)

        return writing

    monkeypatch.setattr(files, "write_bytes", before(files.write_bytes))
    monkeypatch.setattr(State, "write", before(State.write))


def _points(operator, tmp_path):
    """Yield boards that know the old state, with how many writes succeed, until a refresh needs no more."""
    first = (tmp_path / "old/metadata/1.root.json").read_bytes()
    for point in range(40):
        board = Board(tmp_path / f"board {point}", operator, root=first)
        board.source._folder = tmp_path / "old"
        board.trust.refresh()
        board.source._folder = operator.folder
        yield point, board


def test_after_a_kill_at_every_write_the_board_goes_on(tmp_path, operator, monkeypatch):
    for point, board in _points(operator, tmp_path):
        with monkeypatch.context() as patched:
            _failing(patched, point, _Killed())
            try:
                board.trust.refresh()
                break
            except _Killed:
                pass
        board.state.close()
        board.start()
        seen = board.trust.versions["timestamp"]
        board.source._folder = tmp_path / "old"
        if seen > 1:
            with pytest.raises(TrustError):
                board.trust.refresh()
        board.source._folder = operator.folder
        assert board.trust.refresh() == {"root": 2, "timestamp": 4, "snapshot": 2, "director": 2, "targets": 2}
    assert point > 8, "two files and a commit for the root, one and one for each of the others"


def test_a_full_disk_at_every_write_is_told_and_does_no_harm(tmp_path, operator, monkeypatch):
    for point, board in _points(operator, tmp_path):
        with monkeypatch.context() as patched:
            _failing(patched, point, files.unwritable(tmp_path, OSError(errno.ENOSPC, "full")))
            try:
                board.trust.refresh()
                break
            except UnavailableError as exc:
                assert "expected room to write" in str(exc)
        assert board.trust.refresh()["timestamp"] == 4
    assert point > 8
