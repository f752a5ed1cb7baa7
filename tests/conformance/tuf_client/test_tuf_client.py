"""What TUF demands of a client, told through the command line of the public conformance suite, over HTTP and MQTT.

The scenarios are those of theupdateframework/tuf-conformance (rollback, expiry, rotations, thresholds, delegations,
mix-and-match, fast-forward, endless data); `scripts/tuf-client` can be run by that suite from outside.
"""

import functools
import hashlib
import json
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import MetaFile

from edge_sdk.agent.fetch import HttpSource
from scripts.tuf_client import main
from tests.conformance.tuf_client.simulator import TOP, BrokerSource, Simulator, over_http, proxy
from tests.mosquitto import Mosquitto

DAY_S = 86_400
FIRST = ["metadata/2.root.json", "metadata/timestamp.json", "metadata/1.snapshot.json", "metadata/1.targets.json"]


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker, proxy("127.0.0.1", broker.port):
        yield broker


@pytest.fixture
def repo():
    return Simulator()


class Client:
    def __init__(self, folder, address, source):
        self.metadata, self.targets = folder / "metadata", folder / "targets"
        self.metadata.mkdir()
        self.targets.mkdir()
        self._address, self._source = address, source

    def init(self, root):
        path = self.metadata.parent / "root.json"
        path.write_bytes(root)
        return main(["--metadata-dir", str(self.metadata), "init", str(path)])

    def refresh(self, *, ahead_s=0):
        return self._main("refresh", ahead_s=ahead_s)

    def download(self, name, *, ahead_s=0):
        targets = ["--target-base-url", f"{self._address}/targets", "--target-dir", str(self.targets)]
        return self._main("--target-name", name, *targets, "download", ahead_s=ahead_s)

    def _main(self, *arguments, ahead_s):
        given = ["--metadata-dir", str(self.metadata), "--metadata-url", f"{self._address}/metadata", *arguments]
        return main(given, source=self._source, clock=lambda: time.time() + ahead_s)

    def versions(self):
        found = {path.stem: json.loads(path.read_bytes()) for path in self.metadata.glob("*.json")}
        return {role: document["signed"]["version"] for role, document in sorted(found.items())}

    def downloaded(self):
        return sorted(path.read_bytes() for path in self.targets.iterdir())


@pytest.fixture(params=["http", "mqtt"])
def client(request, tmp_path, repo):
    sources = []

    def over_broker(urls):
        broker = request.getfixturevalue("broker")
        sources.append(BrokerSource(urls, host="127.0.0.1", port=broker.port))
        return sources[-1]

    with over_http(repo) as address:
        client = Client(tmp_path, address, HttpSource if request.param == "http" else over_broker)
        assert client.init(repo.trusted_root) == 0
        assert repo.asked == [], "to begin asks for nothing"
        yield client
    for source in sources:
        source.close()


def test_a_refresh_asks_for_what_it_must_and_keeps_the_bytes(client, repo):
    repo.documents["timestamp"][1] += b" "
    assert client.refresh() == 0
    assert repo.asked == FIRST
    assert {role: (client.metadata / f"{role}.json").read_bytes() for role in TOP} == {
        role: repo.documents[role][1] for role in TOP
    }
    repo.asked.clear()
    assert client.refresh() == 0
    assert repo.asked == FIRST[:2], "nothing new, nothing fetched"


def test_a_download_refreshes_first_and_happens_once(client, repo):
    assert client.download("none") == 1
    assert repo.asked == FIRST
    repo.add_target("folder/file.txt", b"one")
    repo.publish("targets", "snapshot", "timestamp")
    assert client.download("folder/file.txt") == client.download("folder/file.txt") == 0
    assert client.downloaded() == [b"one"]
    assert [path for path in repo.asked if path.startswith("targets/")] == [
        f"targets/folder/{repo.signed['targets'].targets['folder/file.txt'].hashes['sha256']}.file.txt"
    ]
    repo.add_target("folder/file.txt", b"two")
    repo.publish("targets", "snapshot", "timestamp")
    assert client.download("folder/file.txt") == 0
    assert client.downloaded() == [b"two"]


@pytest.mark.parametrize("harm", ["shorter", "longer", "other"])
def test_a_target_that_is_not_the_signed_one_is_not_kept(client, repo, harm):
    repo.add_target("file", b"content")
    repo.publish("targets", "snapshot", "timestamp")
    (path,) = repo.targets
    repo.targets[path] = {"shorter": b"conten", "longer": b"content!", "other": b"CONTENT"}[harm]
    assert client.download("file") == 1
    assert client.downloaded() == []


@pytest.mark.parametrize("harm", ["unsigned", "no version", "torn"])
def test_a_first_root_that_is_none_is_refused_and_nothing_is_asked(tmp_path, client, repo, harm):
    document = json.loads(repo.trusted_root)
    if harm == "unsigned":
        document["signatures"][0]["sig"] = "00" * 64
    else:
        del document["signed"]["version"]
    data = json.dumps(document).encode()
    other = tmp_path / "other"
    other.mkdir()
    victim = Client(other, client._address, client._source)
    victim.init(data[: len(data) // 2] if harm == "torn" else data)
    assert victim.refresh() == 1
    assert repo.asked == []


@pytest.mark.parametrize(
    ("role", "kept"),
    [
        ("root", {"root": 1}),
        ("timestamp", {"root": 2}),
        ("snapshot", {"root": 2, "timestamp": 2}),
        ("targets", {"root": 2, "snapshot": 2, "timestamp": 2}),
    ],
)
def test_what_is_not_signed_ends_the_refresh_there(client, repo, role, kept):
    repo.signers[role] = []
    repo.publish("root", "targets", "snapshot", "timestamp")
    assert client.refresh() == 1
    assert client.versions() == kept


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
def test_a_threshold_counts_keys_and_not_signatures(client, repo, role):
    repo.signed["root"].roles[role].threshold = 2
    (signer,) = repo.signers[role]
    if role != "root":
        repo.publish("root")
    repo.signers[role] = [signer, signer]
    repo.publish(*(["root"] if role == "root" else ["targets", "snapshot", "timestamp"]))
    assert client.refresh() == 1
    repo.signers[role] = [signer]
    repo.add_key(role)
    if role == "root":
        repo.set_back("root", 2)
    repo.publish("root", "targets", "snapshot", "timestamp")
    assert client.refresh() == 0


@pytest.mark.parametrize("what", ["keyids", "signatures"])
def test_one_key_many_times_is_one_key(client, repo, what):
    repo.signed["root"].roles["snapshot"].threshold = 2
    repo.publish("root")
    if what == "keyids":
        document = json.loads(repo.documents["root"][2])
        role = document["signed"]["roles"]["snapshot"]
        role["keyids"] *= 2
        payload = json.dumps(document["signed"], sort_keys=True, separators=(",", ":")).encode()
        document["signatures"] = [repo.signers["root"][0].sign(payload).to_dict()]
        repo.documents["root"][2] = json.dumps(document).encode()
    repo.publish("targets", "snapshot", "timestamp")
    document = json.loads(repo.documents["snapshot"][2])
    document["signatures"] *= 3
    repo.documents["snapshot"][2] = json.dumps(document).encode()
    assert client.refresh() == 1
    assert "snapshot" not in client.versions()


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_keys_of_each_kind_sign_and_wrong_signatures_of_it_do_not(client, repo, kind):
    new = getattr(CryptoSigner, f"generate_{kind}")()
    repo.add_key("timestamp", signer=new)
    repo.signed["root"].roles["timestamp"].threshold = 2
    repo.publish("root", "timestamp")
    assert client.refresh() == 0
    repo.publish("timestamp")
    document = json.loads(repo.documents["timestamp"][3])
    (of_new,) = (one for one in document["signatures"] if one["keyid"] == new.public_key.keyid)
    (before,) = (
        one["sig"]
        for one in json.loads(repo.documents["timestamp"][2])["signatures"]
        if one["keyid"] == new.public_key.keyid
    )
    of_new["sig"] = before
    repo.documents["timestamp"][3] = json.dumps(document).encode()
    assert client.refresh() == 1


@pytest.mark.parametrize("wrong", ["", "00", "no digits", "ff" * 64])
def test_a_wrong_signature_beside_enough_right_ones_does_no_harm(client, repo, wrong):
    repo.add_key("timestamp")
    repo.publish("root", "timestamp")
    document = json.loads(repo.documents["timestamp"][2])
    document["signatures"][1]["sig"] = wrong
    repo.documents["timestamp"][2] = json.dumps(document).encode()
    assert client.refresh() == 0


@pytest.mark.parametrize(
    ("algorithms", "code"), [(["sha512"], 0), (["sha256", "sha512"], 0), (["unknown"], 1), (["sha256", "unknown"], 1)]
)
def test_every_digest_of_a_target_is_checked(client, repo, algorithms, code):
    repo.add_target("file", b"content")
    target = repo.signed["targets"].targets["file"]
    target.hashes = {name: hashlib.new(name.replace("unknown", "md5"), b"content").hexdigest() for name in algorithms}
    repo.targets = {f"{next(iter(target.hashes.values()))}.file": b"content"}
    repo.publish("targets", "snapshot", "timestamp")
    assert client.download("file") == code
    assert client.downloaded() == ([] if code else [b"content"])


def test_roots_are_followed_one_after_the_other(client, repo):
    for _ in range(3):
        first = repo.signers["root"]
        repo.rotate("root")
        repo.signers["root"] = [*first, *repo.signers["root"]]
        repo.publish("root")
        repo.signers["root"] = repo.signers["root"][-1:]
    assert client.refresh() == 0
    assert client.versions()["root"] == 4


@pytest.mark.parametrize("lack", ["old", "new"])
def test_a_root_needs_the_keys_before_it_and_its_own(client, repo, lack):
    before = repo.signers["root"]
    repo.rotate("root")
    repo.signers["root"] = before if lack == "new" else repo.signers["root"]
    repo.publish("root")
    assert client.refresh() == 1
    assert client.versions() == {"root": 1}


@pytest.mark.parametrize("step", [0, 2])
def test_a_root_of_another_version_than_its_name_is_refused(client, repo, step):
    repo.publish("root", step=step)
    repo.documents["root"] = {1: repo.trusted_root, 2: repo.documents["root"][1 + step]}
    assert client.refresh() == 1
    assert client.versions() == {"root": 1}


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_a_revoked_key_signs_nothing_any_more(client, repo, role):
    assert client.refresh() == 0
    before = repo.signers[role]
    repo.rotate(role)
    repo.signers[role] = before
    repo.publish("root", "targets", "snapshot", "timestamp")
    assert client.refresh() == 1
    assert client.versions()[role] == 1


@pytest.mark.parametrize("has_hashes", [False, True])
@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_nothing_goes_back(client, repo, role, has_hashes):
    repo.has_hashes = has_hashes
    repo.publish("targets", "snapshot", "timestamp")
    assert client.refresh() == 0
    assert client.versions()[role] == 2
    repo.set_back(role, 1)
    repo.publish(*{"timestamp": TOP[3:], "snapshot": TOP[2:], "targets": TOP[1:]}[role])
    assert client.refresh() == 1
    assert client.versions()[role] == 2


def test_a_role_does_not_leave_the_snapshot(client, repo):
    repo.delegate("role", "*")
    repo.publish("role", "targets", "snapshot", "timestamp")
    assert client.refresh() == 0
    del repo.signed["snapshot"].meta["role.json"]
    repo.publish("snapshot", "timestamp")
    assert client.refresh() == 1
    assert client.versions()["snapshot"] == 2


@pytest.mark.parametrize(
    ("role", "rotated"),
    [("timestamp", ["timestamp"]), ("snapshot", ["snapshot", "timestamp"]), ("targets", ["snapshot"])],
)
def test_rotated_keys_bring_boards_back_from_a_fast_forward(client, repo, role, rotated):
    repo.publish(role, step=1000)
    repo.publish(*TOP[TOP.index(role) + 1 :])
    assert client.refresh() == 0
    assert client.versions()[role] == 1001
    for one in rotated:
        repo.rotate(one)
    repo.set_back(role, 1)
    repo.publish("root", "targets", "snapshot", "timestamp") if role != "targets" else repo.publish(*TOP)
    assert client.refresh() == 0
    assert client.versions()[role] < 1001


@pytest.mark.parametrize(
    ("role", "kept"),
    [
        ("root", {"root": 2}),
        ("timestamp", {"root": 2}),
        ("snapshot", {"root": 2, "timestamp": 2}),
        ("targets", {"root": 2, "snapshot": 2, "timestamp": 2}),
    ],
)
def test_what_has_expired_is_not_taken(client, repo, role, kept):
    repo.signed[role].expires = repo.now - timedelta(days=1)
    repo.publish("root", "targets", "snapshot", "timestamp")
    assert client.refresh() == 1
    assert client.versions() == kept


def test_what_expired_here_still_leads_to_what_is_new(client, repo):
    repo.signed["timestamp"].expires = repo.now + timedelta(days=7)
    repo.publish("timestamp")
    assert client.refresh() == 0
    repo.signed["timestamp"].expires = repo.now + timedelta(days=21)
    repo.publish("targets", "snapshot", "timestamp")
    assert client.refresh(ahead_s=18 * DAY_S) == 0
    assert client.versions() == {"root": 1, "snapshot": 2, "targets": 2, "timestamp": 3}
    assert client.refresh(ahead_s=22 * DAY_S) == 1


def test_a_delegated_role_that_expired_is_not_used(client, repo):
    repo.delegate("role", "a/*")
    repo.signed["role"].expires = repo.now + timedelta(days=7)
    repo.add_target("a/one", b"1", role="role")
    repo.add_target("a/two", b"2", role="role")
    repo.publish("role", "targets", "snapshot", "timestamp")
    assert client.download("a/one") == 0
    assert client.download("a/two", ahead_s=18 * DAY_S) == 1
    repo.signed["role"].expires = repo.now + timedelta(days=21)
    repo.publish("role", "snapshot", "timestamp")
    assert client.download("a/two", ahead_s=18 * DAY_S) == 0
    assert client.downloaded() == [b"1", b"2"]


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_hashes_and_versions_that_are_named_must_fit(client, repo, role):
    """Mix and match: a document that was valid by itself, but is not the one that is named."""
    repo.has_hashes = True
    repo.publish("targets", "snapshot", "timestamp")
    assert client.refresh() == 0
    repo.publish("targets", "snapshot", "timestamp")
    repo.documents[role][3] = repo.documents[role][2]
    assert client.refresh() == 1
    assert client.versions()[role] == 2


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_a_file_that_must_be_there_and_is_not_ends_the_refresh(client, repo, role):
    assert client.refresh() == 0
    repo.publish("targets", "snapshot", "timestamp")
    repo.documents[role].clear()
    assert client.refresh() == 1
    assert client.versions()[role] == 1


def test_a_document_of_another_role_is_refused(client, repo):
    """It is signed by the right key, and even reads like a timestamp; only its type is another."""
    repo.add_key("snapshot", signer=repo.signers["timestamp"][0])
    repo.signed["snapshot"].meta = {"snapshot.json": MetaFile(1)}
    repo.publish("root", "snapshot")
    repo.documents["timestamp"] = {2: repo.documents["snapshot"][2]}
    assert client.refresh() == 1
    assert client.versions() == {"root": 2}


def test_the_same_version_is_not_taken_twice(client, repo):
    assert client.refresh() == 0
    repo.signed["timestamp"].snapshot_meta = MetaFile(100)
    repo.publish("timestamp", step=0)
    assert client.refresh() == 0
    assert client.versions()["snapshot"] == 1


def test_fields_that_nobody_knows_are_signed_as_well(client, repo):
    repo.signed["root"].unrecognized_fields["custom"] = {"deep": [1, None]}
    repo.publish("root")
    assert client.refresh() == 0
    assert client.versions()["root"] == 2


@pytest.mark.parametrize("file", ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"])
def test_endless_data_are_cut(client, repo, file):
    repo.endless = file
    assert client.refresh() == 1


def _graph(repo, edges):
    """Delegate by edges such as `targets>a:x/*!`, an exclamation mark for one that ends the search."""
    for edge in edges.split():
        delegator, _, rest = edge.partition(">")
        role, _, path = rest.partition(":")
        repo.delegate(role, path.rstrip("!"), delegator=delegator, terminating=path.endswith("!"))


@pytest.mark.parametrize(
    ("edges", "visited"),
    [
        ("targets>a:*", "a"),
        ("targets>a:* targets>b:*", "a b"),
        ("targets>a:* targets>b:* a>c:*", "a c b"),
        ("targets>a:* targets>b:* a>c:* c>d:*", "a c d b"),
        ("targets>a:*! targets>b:* a>c:*", "a c"),
        ("targets>a:* a>b:*! targets>c:*", "a b"),
        ("targets>a:other targets>b:*", "b"),
        ("targets>a:* a>b:* b>a:*", "a b"),
        ("targets>a:* targets>b:* a>c:* b>c:*", "a c b"),
    ],
)
def test_delegations_are_walked_in_their_order(client, repo, edges, visited):
    _graph(repo, edges)
    roles = [role for role in repo.signed if role not in TOP]
    repo.publish(*roles, "targets", "snapshot", "timestamp")
    assert client.refresh() == 0
    repo.asked.clear()
    assert client.download("nothing") == 1
    assert [path for path in repo.asked[2:]] == [f"metadata/1.{role}.json" for role in visited.split()]


def test_no_more_than_so_many_delegations_are_followed(client, repo):
    _graph(repo, " ".join(f"{f'r{number - 1}' if number else 'targets'}>r{number}:*" for number in range(40)))
    repo.publish(*(role for role in repo.signed if role not in TOP), "targets", "snapshot", "timestamp")
    assert client.download("nothing") == 1
    assert len([path for path in repo.asked if ".r" in path]) == 1 + 32


def test_the_first_role_that_answers_counts_and_only_for_its_paths(client, repo):
    _graph(repo, "targets>a:a/* targets>b:*/*")
    repo.add_target("a/file", b"of a", role="a")
    repo.add_target("a/file", b"of b", role="b")
    repo.add_target("other/file", b"not a's to say", role="a")
    repo.publish("a", "b", "targets", "snapshot", "timestamp")
    assert client.download("a/file") == 0
    assert client.downloaded() == [b"of a"]
    assert client.download("other/file") == 1


@pytest.mark.parametrize("name", ["?", "#", "/delegated", "../delegated", "per%cent", "ünï"])
def test_names_of_roles_lead_nowhere(client, repo, name):
    repo.delegate(name, "*")
    repo.publish(name, "targets", "snapshot", "timestamp")
    assert client.download("nothing") == 1
    assert len(client.versions()) == 5
    assert sorted(path.name for path in client.metadata.parent.iterdir()) == ["metadata", "root.json", "targets"]


def test_the_program_speaks_the_suites_command_line(tmp_path, repo):
    program = Path(__file__).parents[3] / "scripts/tuf-client"
    run = functools.partial(subprocess.run, check=False, capture_output=True, timeout=60)
    (tmp_path / "root.json").write_bytes(repo.trusted_root)
    repo.add_target("file", b"content")
    repo.publish("targets", "snapshot", "timestamp")
    with over_http(repo) as address:
        where = ["--metadata-url", f"{address}/metadata/", "--metadata-dir", tmp_path]
        assert run([program, "--metadata-dir", tmp_path, "init", tmp_path / "root.json"]).returncode == 0
        assert run([program, *where, "refresh"]).returncode == 0
        what = ["--target-name", "file", "--target-dir", tmp_path, "--target-base-url", f"{address}/targets/"]
        assert run([program, *where, *what, "download"]).returncode == 0
        assert (tmp_path / "file").read_bytes() == b"content"
        repo.signers["timestamp"] = []
        repo.publish("timestamp")
        refused = run([program, *where, "refresh"])
    assert refused.returncode == 1
    assert b"error: metadata: expected what verifies, got timestamp was signed by 0/1 keys" in refused.stderr
