import shutil

import pytest
from tuf.api.metadata import Metadata, MetaFile, TargetFile, Timestamp

from edge_sdk.agent.trust.child import run_in_child
from edge_sdk.errors import InputError, TrustError, UnavailableError
from edge_sdk.fleet.repository.releases import add_release
from edge_sdk.package import open_package
from edge_sdk.wire.release import stored_as
from tests.repositories import Board, Operator


@pytest.fixture
def operator(tmp_path):
    return Operator(tmp_path / "repository")


@pytest.fixture
def board(tmp_path, operator):
    return Board(tmp_path / "board", operator)


def test_what_is_assigned_is_offered_and_fetched(tmp_path, operator, board, package_path):
    assert board.offer() is None
    operator.assign(operator.release(package_path))
    offer = board.offer()
    assert (offer.release, offer.family) == ("tiny-7", "arm-int8")
    told = []
    path = board.trust.fetch(offer, tmp_path / "downloads", lambda *bytes_: told.append(bytes_))
    fetched = open_package(path)
    assert list(fetched.manifest.variants) == ["arm-int8"]
    assert fetched.digest == offer.package.sha256
    assert told[-1] == (offer.package.size_bytes, offer.package.size_bytes)


def test_a_child_process_comes_to_the_same(tmp_path, operator, board, package_path):
    operator.assign(operator.release(package_path))
    other = Board(tmp_path / "other", operator, run=run_in_child)
    assert other.offer() == board.offer()
    assert (
        other.trust.versions
        == board.trust.versions
        == {
            **{"root": 1, "timestamp": 3, "snapshot": 3},
            **{"director": 2, "targets": 2},
        }
    )
    with pytest.raises(InputError, match="expected a variant for this board"):
        other.offer(families=("tensorrt-int8",))


def test_a_device_comes_before_its_groups_and_those_in_their_order(operator, board, package_path):
    release = operator.release(package_path)
    operator.assign(release, "hall-2", "groups")
    assert board.offer(groups=("nobody", "hall-2")).release == release
    assert board.offer(groups=("nobody",)) is None
    operator.assign("", "press-4")
    assert board.offer(groups=("hall-2",)) is None


def test_what_is_not_released_cannot_be_assigned(operator, package_path):
    operator.release(package_path)
    with pytest.raises(InputError, match="expected one that is signed and public, got 'tiny-8'; did you"):
        operator.assign("tiny-8")


def test_a_stolen_director_key_signs_no_release(operator, board, package_path):
    operator.assign(operator.release(package_path))
    assert board.offer().release == "tiny-7"
    thief = operator.with_keys("director", "snapshot", "timestamp")
    director = thief.targets("director")
    for name, data in {
        "releases/evil-1.json": b'{"schema": 1, "name": "evil", "version": 1, "packages": {}}',
        "director/devices/press-4.json": b'{"schema": 1, "revision": 99, "release": "evil-1"}',
    }.items():
        target = director.targets[name] = TargetFile.from_data(name, data, ["sha256"])
        (operator.folder / stored_as(name, target.hashes["sha256"])).write_bytes(data)
    assert thief.put("director", director)
    with pytest.raises(TrustError, match=r"releases/evil-1.json: expected it to be signed by targets, got nothing"):
        board.offer()


def test_online_keys_cannot_make_a_release(operator, package_path):
    thief = operator.with_keys("director", "snapshot", "timestamp")
    assert not add_release(thief, package_path).is_public
    assert thief.pending() == {"targets": 1}


def test_stolen_online_keys_cannot_bring_back_an_older_choice(operator, board, package_path):
    operator.assign(operator.release(package_path))
    assert board.offer().release == "tiny-7"
    operator.assign("")
    assert board.offer() is None
    thief = operator.with_keys("snapshot", "timestamp")
    snapshot = Metadata.from_file(str(operator.folder / "metadata/4.snapshot.json")).signed
    snapshot.meta["director.json"].version -= 1
    assert thief.put("snapshot", snapshot)
    assert thief.put("timestamp", Timestamp(snapshot_meta=MetaFile(snapshot.version)))
    with pytest.raises(TrustError, match=r"director.json version"):
        board.offer()


def test_a_package_that_is_not_the_signed_one_is_refused(tmp_path, operator, board, package_path):
    operator.assign(operator.release(package_path))
    offer = board.offer()
    path = operator.folder / offer.package.file
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    with pytest.raises(TrustError, match="expected blocks as they were signed, got 1 others"):
        board.trust.fetch(offer, tmp_path / "downloads")


def test_a_repository_that_is_away_is_told(operator, board):
    shutil.rmtree(operator.folder)
    with pytest.raises(UnavailableError, match="expected a repository"):
        board.trust.refresh()
