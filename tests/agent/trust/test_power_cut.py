"""Metadata files torn, emptied or lost: python-tuf alone takes last year's then, and ours does not."""

import shutil

import pytest
from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater

from edge_sdk.errors import TrustError
from tests.repositories import Board, Operator, new_key, quorum

ONLINE = ("timestamp", "snapshot", "targets", "director")


class _FromFolder(FetcherInterface):
    def __init__(self, folder):
        self.folder = folder

    def _fetch(self, url):
        path = self.folder / url.removeprefix("http://repository/")
        if not path.exists():
            raise DownloadHTTPError("none", 404)
        return iter([path.read_bytes()])


@pytest.fixture
def operator(tmp_path):
    return Operator(tmp_path / "repository")


@pytest.fixture
def old(tmp_path, operator):
    """The repository as it was before the one of now."""
    shutil.copytree(operator.folder, tmp_path / "old")
    operator.repository.put("targets", operator.repository.targets("targets"))
    return tmp_path / "old"


def _put_back(operator, old):
    shutil.rmtree(operator.folder)
    shutil.copytree(old, operator.folder)


def test_python_tuf_alone_goes_back_after_a_power_cut(tmp_path, operator, old):
    (tmp_path / "trust").mkdir()
    root = operator.repository.root_bytes()

    def refresh():
        updater = Updater(
            str(tmp_path / "trust"), "http://repository/metadata", fetcher=_FromFolder(operator.folder), bootstrap=root
        )
        updater.refresh()
        return updater._trusted_set.timestamp.version

    assert refresh() == 2
    for role in ("timestamp", "snapshot", "targets"):
        (tmp_path / f"trust/{role}.json").write_bytes(b"")
    _put_back(operator, old)
    assert refresh() == 1


@pytest.mark.parametrize("harm", ["empty", "torn", "gone", "zeros"])
def test_ours_does_not_go_back(tmp_path, operator, old, harm):
    board = Board(tmp_path / "board", operator)
    assert board.trust.refresh()["timestamp"] == 2
    for role in ("root", *ONLINE):
        path = board.folder / f"trust/{role}.json"
        if path.exists():
            _harm(path, harm)
    _put_back(operator, old)
    board.start()
    with pytest.raises(TrustError, match=r"timestamp.json: expected version 2 or newer, got 1"):
        board.trust.refresh()


def test_what_was_torn_is_whole_again_after_a_refresh(tmp_path, operator):
    board = Board(tmp_path / "board", operator)
    board.trust.refresh()
    whole = {path.name: path.read_bytes() for path in board.folder.glob("trust/*.json")}
    for name in whole:
        (board.folder / "trust" / name).write_bytes(b"{")
    board.start()
    board.trust.refresh()
    assert {path.name: path.read_bytes() for path in board.folder.glob("trust/*.json")} == whole


def test_a_lost_database_leaves_the_files_to_compare_with(tmp_path, operator, old):
    board = Board(tmp_path / "board", operator)
    board.trust.refresh()
    board.state.close()
    for path in board.folder.glob("state.db*"):
        path.unlink()
    board.start()
    assert board.trust.refresh()["timestamp"] == 2, "the floors are taken from the files"
    (board.folder / "trust/timestamp.json").unlink()
    _put_back(operator, old)
    with pytest.raises(TrustError, match=r"timestamp.json: expected version 2 or newer, got 1"):
        board.trust.refresh()


def test_a_lost_root_does_not_go_back_either(tmp_path, operator):
    board = Board(tmp_path / "board", operator)
    first = operator.repository.root_bytes()
    assert operator.repository.rotate("timestamp", quorum(*operator.keys["timestamp"]))
    board.trust.refresh()
    shutil.rmtree(board.folder / "trust/root_history")
    (board.folder / "trust/root.json").write_bytes(first)
    (operator.folder / "metadata/2.root.json").unlink()
    with pytest.raises(TrustError, match=r"root.json: expected version 2 or newer, got 1"):
        board.trust.refresh()


def test_rotated_keys_end_a_floor(tmp_path, operator):
    """TUF's recovery from a fast-forward: who stole the timestamp's key cannot lock boards out for ever."""
    board = Board(tmp_path / "board", operator)
    ahead = operator.repository._documents.read("timestamp", type(_timestamp(operator)))
    ahead.signed.version = 1 << 30
    ahead.sign(operator.keys["timestamp"][0])
    operator.repository._documents.publish("timestamp", ahead)
    assert board.trust.refresh()["timestamp"] == 1 << 30
    (operator.folder / "metadata/timestamp.json").unlink()
    operator.repository.refresh()
    with pytest.raises(TrustError):
        board.trust.refresh()
    operator.keys["timestamp"] = [new_key()]
    operator.repository = operator.with_keys("root", "targets", "snapshot", "timestamp", "director")
    assert operator.repository.rotate("timestamp", quorum(*operator.keys["timestamp"]))
    assert board.trust.refresh()["timestamp"] < 1 << 30


def _timestamp(operator):
    from tuf.api.metadata import Timestamp

    return operator.repository._documents.read("timestamp", Timestamp).signed


def _harm(path, harm):
    data = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "torn": data[: len(data) // 2], "zeros": bytes(len(data))}[harm])
