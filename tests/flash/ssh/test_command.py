"""`edge-sdk flash ssh://…` as people type it, as far as its question; scripts/sshlab goes on from there."""

from __future__ import annotations

import json
import os

import pytest

from edge_sdk.errors import InputError
from tests.flash.wheels.made import make_all
from tests.runtime.swap import candidates


@pytest.fixture
def command(edge_sdk, board, monkeypatch, tmp_path):
    """Run `edge-sdk flash` for the board; return its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDGE_SDK_FLEET", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{board.programs}:{os.environ['PATH']}")
    candidates.write(tmp_path / "colors-1.edge", candidates.colors())
    make_all(tmp_path / "wheels")
    usual = ["flash", board.url, "colors-1.edge", "--device-id", "press-4", "--wheels", "wheels"]

    def run(*more):
        return edge_sdk(*usual, *more)

    return run


def test_the_plan_is_made_of_what_the_board_says(command, board):
    code, out, err = command("--standalone", "--dry-run", "--json")
    assert code == 0, err
    plan = json.loads(out)
    assert plan["kind"] == "ssh"
    assert plan["kit"]["arch"] == "x86_64"
    assert (
        plan["kit"]["python"]
        == board.do("/usr/bin/python3 -c 'import sys; print(*sys.version_info[:2], sep=\".\")'").strip()
    )
    assert plan["board"]["profile"].startswith("x86-64")
    assert "edge-sdk" not in board.do("ls /opt")


def test_a_profile_of_another_board_is_refused_before_anything_is_asked(command, board):
    code, out, err = command("--standalone", "--profile", "raspberry-pi-5", "--yes")
    assert code == InputError.exit_code
    assert "raspberry-pi-5: expected a board of aarch64, got one of x86_64" in err
    assert out == ""
    assert "edge-sdk" not in board.do("ls /opt")
