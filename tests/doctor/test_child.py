"""A child may die of anything: this process goes on and can tell what it was."""

from __future__ import annotations

import pytest

from edge_sdk.doctor.child import run_python

BY_SIGNAL = "import os, signal; os.kill(os.getpid(), signal.{name})"


def test_what_it_prints_comes_back():
    ended = run_python("print(sys.stdin.read() * 2)", limit_s=30, stdin="ab")
    assert (ended.output, ended.error, ended.is_well) == ("abab\n", "", True)


@pytest.mark.parametrize("name", ["SIGILL", "SIGSEGV", "SIGBUS", "SIGKILL"])
def test_a_death_by_a_signal_is_named(name):
    ended = run_python(BY_SIGNAL.format(name=name), limit_s=30)
    assert (ended.signal, ended.timed_out, ended.is_well) == (name, False, False)


def test_a_complaint_is_its_last_line():
    ended = run_python("raise ValueError('no')", limit_s=30)
    assert (ended.error, ended.signal, ended.is_well) == ("ValueError: no", "", False)


def test_a_hang_is_stopped_and_has_a_place(tmp_path, monkeypatch):
    (tmp_path / "hangs.py").write_text("import time\ndef wait():\n    time.sleep(600)\nwait()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ended = run_python("import hangs", limit_s=1)
    assert (ended.timed_out, ended.error) == (True, f"{tmp_path}/hangs.py line 3, in wait")


def test_a_file_of_the_current_folder_hides_no_module(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    assert run_python("import json", limit_s=30).is_well
