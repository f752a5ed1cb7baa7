"""The model that a board comes with: when it is in use too, and what becomes of the update before."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from edge_sdk.agent.factory import Proven, prove, take_in
from edge_sdk.agent.golden import Limits, Proof
from edge_sdk.agent.kept import Kept
from edge_sdk.agent.life import read_update
from edge_sdk.agent.slots import Slots
from edge_sdk.agent.state import State
from edge_sdk.agent.update import Rejected, UpdateState
from edge_sdk.errors import InputError, TrustError
from edge_sdk.files import sha256_hex
from tests.agent.killing import WATCH
from tests.agent.offers import offer
from tests.runtime.swap import candidates


@pytest.fixture
def slots(tmp_path):
    return Slots(tmp_path / "board")


@pytest.fixture
def proven(tmp_path):
    """Write what passes for a package, proven elsewhere."""

    def write(release):
        path = tmp_path / f"{release}.edge"
        path.write_bytes(release.encode() * 1000)
        return Proven(path, sha256_hex(path.read_bytes()), release, Proof("m" * 64, "fp32", 1000, 4))

    return write


def test_a_board_that_comes_with_nothing_uses_what_it_is_given(slots, proven):
    given = proven("tiny-1")
    assert take_in(slots.folder, given)
    assert slots.digest("factory") == slots.digest("current") == given.sha256
    assert slots.kept(given.sha256) == Kept("tiny-1", "m" * 64)
    assert take_in(slots.folder, given), "again"
    assert slots.digest("previous") == ""


@pytest.mark.parametrize(
    ("installed", "fleets", "is_in_use"),
    [
        ("tiny-2", "", True),
        ("tiny-0", "", True),
        ("tiny-2", "tiny-1", True),
        ("tiny-10", "tiny-9", True),
        ("tiny-9", "tiny-10", False),
        ("tiny-2", "fleet-9", True),
        ("tiny-2", "no name", True),
        ("tiny-1", "fleet-9", False),
        ("tiny-1", "tiny-0", False),
    ],
)
def test_another_package_is_in_use_unless_the_board_got_a_newer_one(slots, proven, installed, fleets, is_in_use):
    take_in(slots.folder, proven("tiny-1"))
    if fleets:
        slots.promote(slots.take(proven(f"{fleets}, from the fleet").path), Kept(fleets))
    before = slots.digest("current")
    given = proven(installed)
    assert take_in(slots.folder, given) == is_in_use
    assert slots.digest("factory") == given.sha256
    assert slots.digest("current") == (given.sha256 if is_in_use else before)
    if is_in_use:
        assert slots.digest("previous") == before


def test_what_is_in_use_and_damaged_gives_way(slots, proven):
    take_in(slots.folder, proven("tiny-1"))
    slots.promote(slots.take(proven("fleets").path), Kept("tiny-9"))
    slots.package(slots.digest("current")).write_bytes(b"torn")
    assert take_in(slots.folder, proven("tiny-2"))


def test_the_update_that_led_to_the_model_before_is_forgotten_and_what_was_given_up_is_not(slots, proven):
    take_in(slots.folder, proven("tiny-1"))
    before = UpdateState("confirmed", offer("b" * 64, revision=4), rejected=(Rejected("a" * 64, 3),))
    with State(slots.folder / "state.db") as state:
        state.write({"update": before.encode()})
        take_in(slots.folder, proven("tiny-1"))
        assert read_update(state) == before
        take_in(slots.folder, proven("tiny-2"))
        assert read_update(state) == UpdateState(rejected=before.rejected)


_KILLED = (
    WATCH
    + """
from edge_sdk.agent.factory import Proven, take_in
from edge_sdk.agent.golden import Proof

path, sha256 = Path(sys.argv[2]), sys.argv[3]
for folder in sorted(Path(sys.argv[1]).glob("board-*")):  # one import, and a child for each step at which it is killed
    left = int(folder.name.partition("-")[2])
    if (child := os.fork()) == 0:
        sys.addaudithook(watch)
        take_in(folder, Proven(path, sha256, "tiny-2", Proof("m" * 64, "fp32", 1, 1)))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
)


def test_an_upgrade_that_is_killed_at_any_step_is_completed_by_the_next(tmp_path, slots, proven):
    before, given = proven("tiny-1"), proven("tiny-2")
    take_in(slots.folder, before)
    boards = [tmp_path / f"board-{step:02}" for step in (*range(0, 40, 2), 99)]
    for board in boards:
        shutil.copytree(slots.folder, board, symlinks=True)
    command = [sys.executable, "-c", _KILLED, tmp_path, given.path, given.sha256]
    codes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert (len(codes), codes[0], codes[-1]) == (len(boards), "-9", "0"), "the last was not killed, so every step was"
    for board in map(Slots, boards):
        found = board.recover()
        assert (found.sha256 in {before.sha256, given.sha256}, found.told) == (True, ())
        assert take_in(board.folder, given)
        links = [board.digest(name) for name in ("factory", "current", "previous")]
        assert links == [given.sha256, given.sha256, before.sha256]


def test_a_package_that_became_another_one_is_not_taken(slots, proven):
    given = proven("tiny-1")
    given.path.write_bytes(b"another")
    with pytest.raises(TrustError, match="as when it was proven, got"):
        take_in(slots.folder, given)
    assert slots.digest("factory") == ""


def test_a_package_is_run_with_the_limits_of_its_variant(tmp_path):
    asked = []

    def run(package, limits):
        asked.append((package, limits))
        return Proof("m" * 64, "fp32", 1, 1)

    path = candidates.write(tmp_path / "any.edge", candidates.colors(), version=7)
    (tmp_path / "link.edge").symlink_to(path)
    proven = prove(tmp_path / "link.edge", "x86-64-avx2", run=run)
    assert (proven.release, proven.sha256) == ("tiny-7", sha256_hex(path.read_bytes()))
    assert asked == [(path, Limits())]


def test_what_is_no_package_or_not_for_this_board_is_told(tmp_path):
    with pytest.raises(InputError, match="expected a package file, got nothing there"):
        prove(tmp_path / "none.edge", "")
    path = candidates.write(tmp_path / "any.edge", candidates.colors())
    with pytest.raises(InputError, match="jetson-orin-nano"):
        prove(path, "jetson-orin-nano-of-nobody")
