"""The crash laboratory in its small form, and that it notices what it is there for."""

import random
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from scripts.crashes import damage
from scripts.crashes.board import SCRIPTS
from scripts.crashes.checker import Checker
from scripts.crashes.fault import GOOD, Laboratory
from scripts.crashes.world import make_world


def test_every_board_comes_through():
    said = subprocess.run(
        [sys.executable, "-m", "scripts.crashes", "--small"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert int(re.search(r"(\d+) faults in", said.stdout)[1]) >= 40
    assert "0 boards did not come through" in said.stdout


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with Checker() as checker:
        yield Laboratory(make_world(tmp_path_factory.mktemp("world")), checker, random.Random(1))


def test_a_board_that_ends_with_another_model_is_noticed(lab):
    fault = lab.outlive(lab.world.board("other"), replace(GOOD, ends_on="better"), "nothing")
    assert fault.trouble.startswith("expected better, got ")


def test_a_board_whose_model_does_not_run_is_noticed(lab):
    board = lab.world.board("broken")
    (board / "current" / "package.edge").write_bytes(b"broken")
    assert lab.checker.runs(board).startswith("broken: ")


def test_a_board_that_comes_to_no_end_is_noticed(lab):
    fault = lab.outlive(lab.world.board("slow"), replace(GOOD, lives_s=0.001), "nothing")
    assert fault.trouble.startswith("it ended with -14")


def test_each_stage_has_its_dead(lab):
    assert {fault.stage for fault in damage.all_links_lost(lab, 9)} == {*damage.STAGES, "settled"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_without_a_fault_each_script_comes_to_its_end(lab, name):
    assert lab.outlive(lab.world.board("whole"), SCRIPTS[name], "nothing").trouble == ""
