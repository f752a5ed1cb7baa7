import os
import signal
import subprocess
import sys

import pytest

from edge_sdk.agent.state import State
from edge_sdk.errors import UnavailableError

_WRITER = """
import sys
from pathlib import Path
from edge_sdk.agent.state import State
state = State(Path(sys.argv[1]))
for number in range(1_000_000):
    text = str(number).encode()
    state.write({"one": text, "two": text})
    print(number, flush=True)
"""


def test_documents_are_there_again(tmp_path):
    with State(tmp_path / "state.db") as state:
        state.write({"floor/root": b"1", "floor/timestamp": b"2", "update": b"\x00"})
    with State(tmp_path / "state.db") as state:
        assert state.read("update") == b"\x00"
        assert state.read_all("floor/") == {"floor/root": b"1", "floor/timestamp": b"2"}
        assert state.read("floor/") is None
        assert not state.was_damaged


def test_none_deletes(tmp_path):
    with State(tmp_path / "state.db") as state:
        state.write({"a": b"1", "b": b"2"})
        state.write({"a": None, "b": b"3"})
        assert state.read_all("") == {"b": b"3"}


def test_what_was_written_outlives_a_kill_and_is_never_half(tmp_path):
    path = tmp_path / "state.db"
    child = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    last = [int(child.stdout.readline()) for _ in range(20)][-1]
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    with State(path) as state:
        both = state.read_all("")
    assert both["one"] == both["two"]
    assert int(both["one"]) >= last


@pytest.mark.parametrize("hurt", [b"not a database" * 1000, b"\x00" * 8192])
def test_a_damaged_database_is_moved_aside(tmp_path, hurt):
    path = tmp_path / "state.db"
    path.write_bytes(hurt)
    with State(path) as state:
        assert state.was_damaged
        state.write({"a": b"1"})
        assert state.read("a") == b"1"
    assert (tmp_path / "state.db.damaged").read_bytes() == hurt


def test_a_flipped_page_is_moved_aside(tmp_path):
    path = tmp_path / "state.db"
    with State(path) as state:
        state.write({f"a{number}": bytes(500) for number in range(200)})
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096)
    with State(path) as state:
        assert state.was_damaged


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match=r"expected a database that can be written"):
        State(tmp_path / "file" / "state.db")


def test_a_full_disk_is_told_and_changes_nothing(tmp_path):
    code = """
import resource, signal, sys
from pathlib import Path
from edge_sdk.agent.state import State
from edge_sdk.errors import UnavailableError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
state = State(Path(sys.argv[1]))
state.write({"a": b"1"})
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
try:
    state.write({"a": bytes(1_000_000)})
except UnavailableError:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert state.read("a") == b"1"
    state.write({"a": b"2"})
    print("told")
"""
    said = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "state.db"], capture_output=True, text=True, check=True, env=os.environ
    )
    assert said.stdout == "told\n"
    with State(tmp_path / "state.db") as state:
        assert state.read("a") == b"2"
