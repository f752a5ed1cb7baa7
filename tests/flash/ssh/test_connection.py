from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_sdk.errors import InputError, TrustError, UnavailableError
from edge_sdk.flash.ssh.address import Address
from edge_sdk.flash.ssh.connection import Connection, Limits


def test_one_login_serves_all_commands(board):
    with Connection(Address.parse(board.url)) as connection:
        answers = [connection.run(f"echo {number}; id -un >&2; exit {number}") for number in range(3)]
    assert [(answer.status, answer.output, answer.errors) for answer in answers] == [
        (number, f"{number}\n".encode(), "root\n") for number in range(3)
    ]
    log = (board.folder / "sshd.log").read_text()
    assert log.count("Accepted publickey") == log.count("Disconnected from user") + log.count("client_loop")


def test_a_login_leaves_no_process_and_no_socket(board):
    with Connection(Address.parse(board.url)) as connection:
        folder = Path(connection._ssh[-1].partition("=")[2]).parent
        assert oct(folder.stat().st_mode)[-3:] == "700"
        assert list(folder.iterdir())
    assert not folder.exists()
    assert str(folder) not in _command_lines()


def test_a_login_ends_when_its_process_is_killed(board):
    program = (
        "import sys, time; from edge_sdk.flash.ssh.address import Address\n"
        "from edge_sdk.flash.ssh.connection import Connection\n"
        f"with Connection(Address.parse({board.url!r})) as c: print(c._ssh[-1], flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as child:
        socket = child.stdout.readline().strip().partition("=")[2]
        assert socket in _command_lines()
        child.send_signal(signal.SIGKILL)
    until_s = time.monotonic() + 10
    while socket in _command_lines() and time.monotonic() < until_s:
        time.sleep(0.05)
    assert socket not in _command_lines()
    Path(socket).parent.rmdir()


def test_bytes_go_there_and_back_unchanged(board):
    blob = os.urandom(3 << 20)
    with Connection(Address.parse(board.url)) as connection:
        answer = connection.run("cat", given=(blob[:1], blob[1:]), limits=Limits(max_bytes=4 << 20))
    assert answer.output == blob


def test_lines_are_told_as_they_come(board):
    told: list[tuple[str, float]] = []
    with Connection(Address.parse(board.url)) as connection:
        connection.run("echo one; sleep 1; echo two", on_line=lambda line: told.append((line, time.monotonic())))
    assert [line for line, _ in told] == ["one", "two"]
    assert told[1][1] - told[0][1] > 0.5


@pytest.mark.usefixtures("board")
def test_a_board_behind_another_is_reached_as_the_configuration_says():
    with Connection(Address.parse("ssh://root@behind")) as connection:
        assert connection.run("echo $SSH_CONNECTION").output.startswith(b"127.0.0.1")


def test_what_never_ends_is_ended(board):
    with Connection(Address.parse(board.url)) as connection:
        with pytest.raises(UnavailableError, match=r"expected an end within 0\.3 s, got none"):
            connection.run("sleep 60", limits=Limits(seconds=0.3))
        with pytest.raises(UnavailableError, match="expected at most 1000 bytes of answer, got more"):
            connection.run("yes", limits=Limits(max_bytes=1000))
        assert connection.run("echo still").output == b"still\n"


def test_what_cannot_be_read_here_is_told(board):
    def broken():
        yield b"begin"
        raise InputError("kit: expected a file, got nothing")

    with Connection(Address.parse(board.url)) as connection, pytest.raises(InputError, match="kit: expected a file"):
        connection.run("cat", given=broken())


def test_another_key_of_the_host_is_a_matter_of_trust(board):
    other = (board.folder / "other_key.pub").read_text()
    with _known_hosts(board, f"[127.0.0.1]:{board.port} {other}"), pytest.raises(TrustError) as caught:
        Connection(Address.parse(board.url)).__enter__()
    assert "expected the board's key to be the known one, got another key" in str(caught.value)
    assert f"ssh-keygen -R '[127.0.0.1]:{board.port}'" in caught.value.hint


def test_an_unknown_host_is_not_trusted_unseen(board):
    with _known_hosts(board, ""), pytest.raises(TrustError) as caught:
        Connection(Address.parse(board.url)).__enter__()
    assert "expected the board's key to be known" in str(caught.value)
    assert f"ssh -p {board.port} root@127.0.0.1" in caught.value.hint


def test_who_is_not_let_in_is_told_how_to_be(board):
    with pytest.raises(UnavailableError, match="expected to be let in, got a refusal") as caught:
        Connection(Address.parse(board.url.replace("root@", "nobody-here@"))).__enter__()
    assert caught.value.hint.startswith(f"ssh-copy-id -p {board.port} nobody-here@127.0.0.1")


@pytest.mark.usefixtures("board")
def test_a_board_without_sshd_says_so():
    with pytest.raises(UnavailableError, match="a refusal: the board is there, and no sshd listens"):
        Connection(Address.parse("ssh://root@127.0.0.1:1")).__enter__()


def test_a_computer_without_ssh_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="ssh: expected the program, got none"):
        Connection(Address.parse("ssh://press-4")).__enter__()


class _known_hosts:  # noqa: N801  a block
    def __init__(self, board, text):
        self.path, self.text = board.folder / "known_hosts", text

    def __enter__(self):
        self.before = self.path.read_text()
        self.path.write_text(self.text)

    def __exit__(self, *_):
        self.path.write_text(self.before)


def _command_lines() -> str:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(found)
