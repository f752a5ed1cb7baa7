from __future__ import annotations

import json

import pytest

from edge_sdk.errors import TrustError
from edge_sdk.flash.proof import Aim, Seen, judge
from edge_sdk.flash.ssh.watched import BoardOverSsh

MODEL = "a" * 64
STANDING = {
    "is_running": True,
    "device": "press-4",
    "reported": {
        "boot": 3,
        "worker": "running",
        "release": "cards-2",
        "model_sha256": MODEL,
        "proven_sha256": MODEL,
        "update": {"state": "confirmed", "release": "cards-2"},
    },
}
AGENT = """#!/bin/sh
[ "$(id -un)" = {user} ] || exit 1
[ "$*" = "agent status --json" ] && cat /var/lib/standing.json
"""


def stand_in(board, standing, user="boarder"):
    """Put a program there that says how its agent stands, to the agent's own user alone."""
    board.do(
        "mkdir -p /opt/edge-sdk/boot /opt/edge-sdk/current/bin /etc/systemd/system && rm -rf /var/lib/standing.json"
    )
    board.do("cat > /var/lib/standing.json", given=json.dumps(standing).encode())
    board.do("cat > /opt/edge-sdk/current/bin/edge-sdk", given=AGENT.format(user=user).encode())
    board.do("chmod 755 /opt/edge-sdk/current/bin/edge-sdk")
    unit = f"[Service]\nExecStart=/opt/edge-sdk/current/bin/edge-sdk agent run\nUser={user}\n"
    board.do("cat > /etc/systemd/system/edge-sdk-agent.service", given=unit.encode())
    status = {"step": "done", "state": "done", "reason": ""}
    board.do("cat > /opt/edge-sdk/boot/status.json", given=json.dumps(status).encode())


@pytest.mark.parametrize("login", ["root", "boarder"])
def test_a_board_over_ssh_proves_itself(board, login):
    stand_in(board, STANDING)
    with BoardOverSsh(board.url.replace("root@", f"{login}@")) as watched:
        found = watched.look()
        assert (found.step, found.is_online, found.release) == ("done", True, "cards-2")
        assert judge(found, Aim("press-4", MODEL)).state == "proven"
        assert judge(found, Aim("press-4", "b" * 64)).where == "model"
        stand_in(board, {**STANDING, "is_running": False})
        assert not watched.look().is_online


def test_a_board_that_goes_away_tells_nothing_and_is_found_again(board):
    stand_in(board, STANDING)
    with BoardOverSsh(board.url) as watched:
        assert watched.look().is_online
        board.do("pkill -f '^sshd: root'")
        watched.look()  # ssh may have noticed already, and come again
        assert watched.look().is_online


def test_a_board_that_does_not_answer_tells_nothing(board):
    with BoardOverSsh("ssh://root@127.0.0.1:1") as watched:
        assert watched.look() == Seen()
    assert board.url


def test_another_machine_in_its_place_is_no_silence(board):
    path = board.folder / "known_hosts"
    before = path.read_text()
    path.write_text(f"[127.0.0.1]:{board.port} {(board.folder / 'other_key.pub').read_text()}")
    try:
        with BoardOverSsh(board.url) as watched, pytest.raises(TrustError):
            watched.look()
    finally:
        path.write_text(before)
