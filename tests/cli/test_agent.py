"""`edge-sdk agent recover` and `install`, as a person at the board calls them."""

from __future__ import annotations

import json
import os

import pytest

from edge_sdk.agent.kept import Kept
from edge_sdk.agent.slots import Slots
from tests.runtime.swap import candidates


@pytest.fixture
def command(edge_sdk):
    """Run `edge-sdk`; return its exit code, stdout and stderr."""
    return edge_sdk


@pytest.fixture
def board(tmp_path):
    """A board that lost which release it uses."""
    folder = tmp_path / "board"
    package = candidates.write(tmp_path / "tiny-1.edge", candidates.colors(), version=1)
    slots = Slots(folder)
    slots.install(slots.take(package), Kept("tiny-1"))
    (folder / "current").unlink()
    (folder / "agent.toml").write_text('sources = ["camera:0"]\n')
    return folder


def test_recover_says_what_it_would_do_then_does_it_then_has_nothing_to_do(command, board):
    code, out, _ = command("agent", "recover", "--state", board, "--dry-run", "--json")
    planned = json.loads(out)
    assert (code, planned["does"]) == (0, ["current, factory: lead to tiny-1, nothing else"])
    assert not (board / "current").exists()
    assert command("agent", "recover", "--state", board, "--yes", "--json")[1] == out
    assert (board / "current").readlink() == (board / "factory").readlink()
    code, out, _ = command("agent", "recover", "--state", board)
    assert out.splitlines()[1] == "all is as it is to be"


def test_recover_without_a_model_to_go_back_to_says_what_is_needed(command, board):
    (board / "factory").unlink()
    code, _, err = command("agent", "recover", "--state", board, "--yes")
    assert (code, err.splitlines()[1]) == (3, "hint: edge-sdk agent recover --package NAME-VERSION.edge")


def test_install_shows_what_is_proven_before_anything_is_changed(command, board, tmp_path):
    package = tmp_path / "tiny-1.edge"
    asked = ["agent", "install", "--package", package, "--program", "/bin/true", "--state", board]
    code, out, _ = command(*asked, "--dry-run")
    lines = out.splitlines()
    assert (code, f"ExecStart=/bin/true agent run --state {board}" in lines) == (0, True)
    assert lines.index(f"proves {package} on its golden samples, before anything is changed") < lines.index(
        f"writes {board}/factory"
    )
    assert json.loads(command(*asked, "--dry-run", "--json")[1])["proves"] == str(package)


@pytest.mark.skipif(os.geteuid() != 0, reason="others are told to become root")
def test_install_refuses_a_package_that_fails_its_golden_samples(command, board, tmp_path):
    wrong = candidates.write(tmp_path / "w.edge", candidates.colors(11.0), golden_of=candidates.colors(-10.0))
    before = sorted(path.name for path in board.iterdir())
    code, _, err = command(
        "agent", "install", "--package", wrong, "--program", "/bin/true", "--state", board, "--user", "root", "--yes"
    )
    assert (code, "expected the golden outputs at 30 dB or better" in err) == (6, True)
    assert sorted(path.name for path in board.iterdir()) == before
