"""A board whose state is lost or damaged goes back to the model that it came with, wherever that is cut off."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from edge_sdk.agent.enrol import accept, request
from edge_sdk.agent.golden import Proof
from edge_sdk.agent.kept import Kept
from edge_sdk.agent.life import read_update
from edge_sdk.agent.recover import Wanted, plan, recover
from edge_sdk.agent.skills import Wishes, read_wishes
from edge_sdk.agent.slots import Slots
from edge_sdk.agent.standing import lock
from edge_sdk.agent.state import State
from edge_sdk.agent.update import Rejected, UpdateState
from edge_sdk.errors import GateError, InputError, UnavailableError
from edge_sdk.files import sha256_hex
from edge_sdk.outbox import Limit, Outbox
from edge_sdk.wire import encode
from edge_sdk.wire.enrolment import Home, Membership
from tests.agent.killing import WATCH
from tests.agent.offers import offer
from tests.fleet.conftest import NOW_S, authority  # noqa: F401  a fixture
from tests.runtime.swap import candidates

MODEL = candidates.colors()
GIVEN_UP = (Rejected("a" * 64, 3),)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return candidates.write(tmp_path_factory.mktemp("packages") / "tiny-1.edge", MODEL, version=1)


@pytest.fixture
def wanted(tmp_path, package):
    """A paused board in the middle of a trial, with a release of its fleet in use."""
    folder = tmp_path / "board"
    slots = Slots(folder)
    slots.install(slots.take(package), Kept("tiny-1"))
    (tmp_path / "fleets.edge").write_bytes(b"fleets")
    slots.promote(slots.take(tmp_path / "fleets.edge"), Kept("tiny-9"))
    (folder / "agent.toml").write_text('sources = ["camera:0"]\n')
    with State(folder / "state.db") as state:
        update = UpdateState("trial", offer("b" * 64, revision=4), attempts=1, rejected=GIVEN_UP)
        state.write({"update": update.encode(), "wishes": encode(Wishes(is_paused=True)), "boot": b"7"})
    with Outbox.open(folder / "outbox.db", {"results": Limit(1 << 20)}) as outbox:
        outbox.put("results", b"{}")
        outbox.flush()
    return Wanted(folder, unit_path=tmp_path / "edge-sdk-agent.service")


def passes(_package, _limits):
    return Proof(sha256_hex(MODEL), "fp32", 1, 1)


def factory_of(wanted):
    """Check that a board is as it came; return the digest of its package."""
    slots = Slots(wanted.folder)
    sha256 = slots.digest("factory")
    assert (slots.digest("current"), slots.digest("previous"), slots.damage(sha256)) == (sha256, "", "")
    assert slots.kept(sha256) == Kept("tiny-1", sha256_hex(MODEL))
    with State(wanted.folder / "state.db") as state:
        assert (state.was_damaged, read_update(state).stage, read_wishes(state)) == (False, "idle", Wishes())
    assert plan(wanted).does == ()
    return sha256


def test_a_board_in_the_middle_of_a_trial_goes_back(wanted):
    planned = plan(wanted)
    done = recover(wanted, run=passes)
    assert done == planned
    assert done.does == ("update: forgotten, it was trial", "current, factory: lead to tiny-1, nothing else")
    factory_of(wanted)
    with State(wanted.folder / "state.db") as state:
        assert (read_update(state).rejected, state.read("boot")) == (GIVEN_UP, b"7")
    with Outbox.open(wanted.folder / "outbox.db", {"results": Limit(1 << 20)}) as outbox:
        assert outbox.accounts()["results"].rows == 1
    assert recover(wanted, run=passes).does == ()


def _torn(path):
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode = DELETE")
    database.close()
    os.truncate(path, path.stat().st_size - 5000)


@pytest.mark.parametrize("name", ["state.db", "outbox.db"])
@pytest.mark.parametrize(
    "hurt",
    [
        lambda path: path.write_bytes(b"\0" * 50_000),
        _torn,
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: path.rename(f"{path}-wal"),
    ],
    ids=["zeroed", "torn", "a folder", "only its journal"],
)
def test_a_database_that_cannot_be_read_is_moved_aside_and_never_deleted(wanted, name, hurt):
    (wanted.folder / f"{name}.lost-1").write_text("an earlier one")
    hurt(wanted.folder / name)
    assert f"{name}: moved aside" in " ".join(plan(wanted).does)
    assert not list(wanted.folder.glob("*.lost-2"))
    assert f"{name}: moved aside" in " ".join(recover(wanted, run=passes).does)
    factory_of(wanted)
    assert list(wanted.folder.glob(f"{name}*.lost-2")) or list(wanted.folder.glob(f"{name}-wal.lost-1"))
    assert (wanted.folder / f"{name}.lost-1").read_text() == "an earlier one"


def test_a_board_without_any_state_goes_back(wanted):
    for name in ("state.db", "outbox.db", "current", "previous"):
        (wanted.folder / name).unlink()
    assert recover(wanted, run=passes).does == ("current, factory: lead to tiny-1, nothing else",)
    factory_of(wanted)


def test_what_it_goes_back_to_has_proven_itself_and_that_is_kept(wanted):
    recover(wanted, run=passes)
    slots = Slots(wanted.folder)
    (slots.package(slots.digest("factory")).parent / "kept.json").write_bytes(b"torn")
    assert recover(wanted, run=passes).does == ("golden outputs: kept as given here",)
    factory_of(wanted)


@pytest.mark.parametrize("lost", ["the link", "its bytes"])
def test_where_the_factory_model_is_lost_a_package_is_needed(wanted, package, lost):
    if lost == "the link":
        (wanted.folder / "factory").unlink()
    else:
        (wanted.folder / "factory" / "package.edge").write_bytes(b"torn")
    for ask in (plan, recover):
        with pytest.raises(InputError, match=r"factory: expected a link to a release|expected SHA-256") as refused:
            ask(wanted)
        assert refused.value.hint == "edge-sdk agent recover --package NAME-VERSION.edge"
    recover(Wanted(wanted.folder, package, wanted.unit_path), run=passes)
    assert factory_of(wanted) == sha256_hex(package.read_bytes())


def test_a_package_that_fails_its_golden_samples_changes_nothing(tmp_path, wanted):
    wrong = candidates.write(tmp_path / "wrong.edge", candidates.colors(11.0), golden_of=candidates.colors(-10.0))
    before = {path: path.lstat().st_mtime_ns for path in wanted.folder.iterdir() if path.suffix != ".db"}
    with pytest.raises(GateError, match="expected the golden outputs at"):
        recover(Wanted(wanted.folder, wrong, wanted.unit_path))
    assert {path: path.lstat().st_mtime_ns for path in before} == before


@pytest.fixture
def member(wanted, authority):  # noqa: F811  the fixture
    pem = authority.certify("press-4", request(wanted.folder, "press-4"), now_s=NOW_S)
    home = Home("plant", "press-4", "mqtts://h:1", "https://h:2", authority.ca_pem.decode(), "{}")
    answer = wanted.folder / "answer.json"
    answer.write_bytes(encode(Membership(home, pem.decode())))
    accept(answer, wanted.folder)
    return wanted


def test_who_the_board_is_stays(member):
    assert recover(member, run=passes).device == "press-4"
    assert (member.folder / "identity").is_symlink()


@pytest.mark.parametrize("name", ["home.json", "key.pem", "certificate.pem", "ca.pem"])
def test_an_identity_that_is_damaged_is_moved_aside_so_that_the_board_works_alone(member, name):
    (member.folder / "identity" / name).write_bytes(b"torn")
    done = plan(member)
    assert (done.device, done.does[1].startswith("identity: moved aside: ")) == ("", True)
    recover(member, run=passes)
    factory_of(member)
    assert not (member.folder / "identity").exists()
    assert (member.folder / "identity.lost-1").is_symlink()


def test_an_agent_that_is_no_service_is_in_the_way(wanted):
    held = lock(wanted.folder)
    with pytest.raises(UnavailableError, match="expected no other agent to run there, got one"):
        recover(wanted, run=passes)
    os.close(held)


def test_without_settings_nothing_is_done(wanted):
    (wanted.folder / "agent.toml").write_text("sources = []")
    with pytest.raises(InputError, match="sources: expected at least one, got none"):
        recover(wanted)


def test_the_service_of_this_folder_is_stopped_and_started(tmp_path, wanted, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "systemctl").write_text(f'#!/bin/sh\necho "$*" >> {folder}/told\n[ "$1" != is-active ] || echo active\n')
    (folder / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    wanted.unit_path.write_text("ExecStart=edge-sdk agent run --state /var/lib/edge-sdk\n")
    assert plan(wanted).service == ""
    wanted.unit_path.write_text(f"ExecStart=edge-sdk agent run --state {wanted.folder}\n")
    assert recover(wanted, run=passes).service == wanted.unit_path.name
    said = [line.split()[0] for line in (folder / "told").read_text().splitlines()]
    assert said == ["is-active", "stop", "start"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_recovers_belongs_to_whom_the_folder_belongs(wanted):
    os.chown(wanted.folder, 12345, 12346)
    for _ in range(2):
        recover(wanted, run=passes)
        owners = {(path.lstat().st_uid, path.lstat().st_gid) for path in wanted.folder.rglob("*")}
        assert owners == {(12345, 12346)}
        (wanted.folder / "left-by-a-try-that-was-cut-off").touch()


_KILLED = (
    WATCH
    + """
from edge_sdk.agent.factory import prove
from edge_sdk.agent.golden import Proof
from edge_sdk.agent.recover import Wanted, recover

proof, boards = Proof(sys.argv[2], "fp32", 1, 1), sorted(Path(sys.argv[1]).glob("board-*"))
prove(boards[0] / "factory" / "package.edge", "", run=lambda package, limits: proof)  # its imports, once
for folder in boards:  # one import, and a child for each step at which it is killed
    left = int(folder.name.partition("-")[2])
    if (child := os.fork()) == 0:
        if sys.argv[3] == "killed":
            sys.addaudithook(watch)
        recover(Wanted(folder, unit_path=folder / "none"), run=lambda package, limits: proof)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
)


def test_a_recovery_that_is_killed_at_any_step_is_completed_by_the_next(tmp_path, wanted):
    (wanted.folder / "state.db").write_bytes(b"\0" * 50_000)
    boards = [Wanted(tmp_path / f"board-{step:02}", unit_path=Path("/none")) for step in (*range(0, 60, 5), 99)]
    for board in boards:
        shutil.copytree(wanted.folder, board.folder, symlinks=True)
    command = [sys.executable, "-c", _KILLED, tmp_path, sha256_hex(MODEL)]
    ended = subprocess.run([*command, "killed"], capture_output=True, text=True, check=True)
    codes = ended.stdout.split()
    assert (len(codes), codes[0], codes[-1]) == (len(boards), "-9", "0"), "the last was not killed, so every step was"
    for board in boards:
        assert Slots(board.folder).recover().told == (), "an agent that starts now finds a board that works"
    subprocess.run([*command, "whole"], capture_output=True, text=True, check=True)
    for board in boards:
        factory_of(board)
        assert (board.folder / "state.db.lost-1").stat().st_size == 50_000
