from dataclasses import replace

import pytest
from tuf.api.metadata import Snapshot

from edge_sdk.errors import InputError
from edge_sdk.fleet.repository import Quorum, Repository, sign_pending
from edge_sdk.fleet.repository.keys import is_encrypted, make_key, read_key, read_keys
from edge_sdk.fleet.repository.releases import add_release, assignments, releases
from edge_sdk.package import open_package, write_package
from edge_sdk.wire.blocks import Get
from edge_sdk.wire.release import Gates
from tests.repositories import Board, Operator, new_key, quorum


@pytest.fixture
def operator(tmp_path):
    return Operator(tmp_path / "repository")


@pytest.fixture
def board(tmp_path, operator):
    return Board(tmp_path / "board", operator)


def test_a_release_has_one_package_a_family_and_its_gates(operator, package_path):
    released = add_release(operator.repository, package_path, gates=Gates(trial_results=7))
    assert released.is_public
    (release,) = releases(operator.repository)
    assert release == released.release
    assert (release.title, release.gates.trial_results, sorted(release.packages)) == ("tiny-7", 7, ["arm-int8", "fp32"])
    for family, package in release.packages.items():
        opened = open_package(operator.folder / package.file)
        assert opened.digest == package.sha256
        assert list(opened.manifest.variants) == [family]
        assert "report.html" not in {entry.name for entry in opened.files}
        assert (operator.folder / package.blocks_file).stat().st_size == 32


def test_the_same_package_is_released_as_the_same_bytes(tmp_path, operator, package_path):
    other = Operator(tmp_path / "other")
    first, second = (add_release(one.repository, package_path).release for one in (operator, other))
    assert first.packages == second.packages


def test_a_version_is_released_once(operator, package_path):
    operator.release(package_path)
    with pytest.raises(InputError, match="expected a new version of tiny, got 7, which is released"):
        operator.release(package_path)


def test_assignments_have_growing_revisions(operator, package_path):
    release = operator.release(package_path)
    revisions = [operator.assign(release).revision, operator.assign(release, "hall", "groups").revision]
    revisions.append(operator.assign("").revision)
    assert revisions == sorted(set(revisions))
    found = {key: (one.revision, one.release) for key, one in assignments(operator.repository).items()}
    assert found == {("devices", "press-4"): (revisions[2], ""), ("groups", "hall"): (revisions[1], release)}


def test_what_was_assigned_long_ago_is_removed(operator, board, package_path):
    release = operator.release(package_path)
    for _ in range(5):
        operator.assign(release)
        operator.assign(release, "other.press-4")
        operator.assign("")
    folder = operator.folder / "targets/director/devices"
    assert len(list(folder.iterdir())) == 4
    assert board.offer() is None
    assert board.offer(device="other.press-4").release == release


def test_names_of_the_greatest_length_go_over_the_wire(operator, board, manifest, contents, tmp_path):
    write_package(tmp_path / "long.edge", replace(manifest, name="m" * 120), contents)
    release = operator.release(tmp_path / "long.edge")
    operator.assign(release, "d" * 128)
    package = board.offer(device="d" * 128).package
    for file in (package.file, package.blocks_file):
        assert Get(1, file, 0, 1).file == file


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden"])
def test_a_name_that_leads_elsewhere_is_not_assigned_to(operator, name):
    with pytest.raises(InputError, match="devices: expected letters"):
        operator.assign("", name)


def test_who_lacks_the_directors_key_assigns_nothing(operator):
    operator.repository = operator.with_keys("snapshot", "timestamp")
    with pytest.raises(InputError, match="director: expected its key at hand"):
        operator.assign("")


def test_signatures_are_added_on_another_machine(tmp_path, package_path):
    """Two of three must sign for targets: one here, one there; nothing is public before."""
    operator = Operator(tmp_path / "repository", targets=3, targets_threshold=2)
    board = Board(tmp_path / "board", operator)
    first, second, _ = operator.keys["targets"]
    online = [operator.keys[role][0] for role in ("snapshot", "timestamp", "director")]
    here = Repository(operator.folder, [first, *online], clock=lambda: operator.now_s)
    assert not add_release(here, package_path).is_public
    assert here.pending() == {"targets": 1}
    assert here.complete() == []
    with pytest.raises(InputError, match="expected one that is signed and public, got 'tiny-7'"):
        operator.repository = here
        operator.assign("tiny-7")
    carried = operator.folder / "pending/targets.json"
    assert sign_pending(carried, [second]) == 2
    assert here.complete() == ["targets"]
    assert here.pending() == {}
    operator.assign("tiny-7")
    assert board.offer().release == "tiny-7"


def test_a_signature_of_a_stranger_does_not_count(tmp_path, package_path):
    operator = Operator(tmp_path / "repository", targets=2, targets_threshold=2)
    here = Repository(operator.folder, operator.keys["targets"][:1], clock=lambda: operator.now_s)
    add_release(here, package_path)
    sign_pending(operator.folder / "pending/targets.json", [new_key(), operator.keys["targets"][0]])
    assert here.complete() == []


def test_the_root_is_rotated_on_two_machines(operator, board):
    board.trust.refresh()
    new = [new_key() for _ in range(3)]
    first, second, _ = operator.keys["root"]
    online = [operator.keys[role][0] for role in ("snapshot", "timestamp", "director", "targets")]
    here = Repository(operator.folder, [first, *new, *online], clock=lambda: operator.now_s)
    assert not here.rotate("root", quorum(*new, threshold=2))
    assert here.pending() == {"root": 1}, "two of the old keys must agree"
    sign_pending(operator.folder / "pending/root.json", [second])
    assert here.complete() == ["root"]
    assert board.trust.refresh()["root"] == 2
    assert not Repository(operator.folder, operator.keys["root"]).put("root", here.root), "the old keys are revoked"


@pytest.mark.parametrize("role", ["targets", "snapshot", "timestamp", "director"])
def test_a_revoked_key_signs_nothing_any_more(operator, board, package_path, role):
    operator.assign(operator.release(package_path))
    assert board.offer().release == "tiny-7"
    stolen = operator.keys[role]
    operator.keys[role] = [new_key()]
    operator.repository = operator.with_keys("root", "targets", "snapshot", "timestamp", "director")
    if role == "targets":
        operator.repository = Repository(
            operator.folder, [*stolen, *operator.repository._signers.values()], clock=lambda: operator.now_s
        )
    assert operator.repository.rotate(role, quorum(*operator.keys[role]))
    assert board.offer().release == "tiny-7", "what was said last is signed anew"
    thief = Repository(operator.folder, stolen, clock=lambda: operator.now_s)
    document = Snapshot() if role in {"snapshot", "timestamp"} else operator.repository.targets(role)
    assert not thief.put(role, document)


def test_the_online_roles_are_signed_again_in_time(operator, board):
    day_s = 86_400
    for _ in range(40):
        operator.now_s += 3 * day_s
        board.now_s = operator.now_s
        assert operator.with_keys("snapshot", "timestamp", "director").refresh()
        board.trust.refresh()
    assert len(list((operator.folder / "metadata").glob("*.snapshot.json"))) <= 16
    assert board.trust.versions["director"] > 5


def test_without_keys_nothing_is_signed(operator):
    assert not Repository(operator.folder, clock=lambda: operator.now_s).refresh()
    assert operator.repository.pending() == {}


def test_a_repository_is_not_begun_twice(operator):
    with pytest.raises(InputError, match="expected a new repository, got one that is there already"):
        operator.repository.create({role: quorum(*keys) for role, keys in operator.keys.items()})


def test_more_signatures_than_keys_are_no_quorum():
    with pytest.raises(InputError, match="threshold: expected 1 to 1, got 2"):
        Quorum((new_key().public_key,), 2)


def test_keys_are_files_of_their_owner_encrypted_where_wanted(tmp_path):
    plain, secret = make_key(tmp_path / "a.pem"), make_key(tmp_path / "b.pem", passphrase="correct horse")
    assert (is_encrypted(tmp_path / "a.pem"), is_encrypted(tmp_path / "b.pem")) == (False, True)
    assert (tmp_path / "a.pem").stat().st_mode & 0o777 == 0o600
    keys = read_keys(tmp_path, passphrase="correct horse")
    assert [key.public_key.keyid for key in keys] == [plain.public_key.keyid, secret.public_key.keyid]
    with pytest.raises(InputError, match=r"b.pem: expected a private key and its passphrase, got"):
        read_key(tmp_path / "b.pem", passphrase="wrong")
    with pytest.raises(InputError, match="expected a new key file"):
        make_key(tmp_path / "a.pem")
    (tmp_path / "c.pem").write_bytes(b"none")
    with pytest.raises(InputError, match=r"c.pem: expected a private key"):
        read_key(tmp_path / "c.pem")
