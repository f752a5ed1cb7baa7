"""The border to the process that verifies: it ends with the agent, and whatever it does is an error of ours here."""

import os
import subprocess

import pytest

from edge_sdk.agent.trust import child
from edge_sdk.agent.trust.border import Channel, Clock, Job, Message, Need
from edge_sdk.agent.trust.floors import Floors
from edge_sdk.errors import InputError, UnavailableError
from tests.repositories import Board, Operator

JOB = Job(Floors(), Clock(0.0))


def test_it_ends_without_a_word_when_the_agent_is_gone():
    with subprocess.Popen(child._COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as one:
        channel = Channel(one.stdout.fileno(), one.stdin.fileno(), patience_s=60)
        channel.send(JOB)
        assert channel.receive(Message)[0].need == Need("root")
        one.stdin.close()
        one.stdout.close()
        assert (one.wait(60), one.stderr.read()) == (0, b"")


@pytest.mark.parametrize(
    "source", ["raise SystemExit(3)", "import os; os.kill(os.getpid(), 11)", "print('no message')"]
)
def test_what_it_does_instead_of_an_answer_is_told(tmp_path, monkeypatch, source):
    board = Board(tmp_path / "board", Operator(tmp_path / "repository"), run=child.run_in_child)
    monkeypatch.setattr(child, "_COMMAND", [*child._COMMAND[:2], "-c", source])
    with pytest.raises((UnavailableError, InputError), match="verification: expected"):
        board.trust.refresh()


def test_one_that_says_nothing_is_given_up():
    mine, theirs = os.pipe()
    try:
        with pytest.raises(UnavailableError, match=r"expected an answer within 0.05 s, got none"):
            Channel(mine, theirs, patience_s=0.05).receive(Message)
    finally:
        os.close(mine)
        os.close(theirs)


@pytest.mark.parametrize(
    ("data", "told"),
    [(b"\xff" * 8, "expected a short message"), (b"\0\0\0\1\0\0\0\0{", "verification: expected JSON")],
)
def test_a_message_that_is_none_is_refused(data, told):
    mine, theirs = os.pipe()
    try:
        os.write(theirs, data)
        with pytest.raises(InputError, match=told):
            Channel(mine, theirs, patience_s=1).receive(Message)
    finally:
        os.close(mine)
        os.close(theirs)
