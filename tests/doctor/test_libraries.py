"""What becomes of an import is told with what helps; the libraries are real modules that really do so."""

from __future__ import annotations

import pytest

from edge_sdk.doctor.child import Ended, run_python
from edge_sdk.doctor.libraries import LIBRARIES, Library, check_libraries, judge
from edge_sdk.doctor.record import Subject, User

DIES = "import os, signal\n{first}os.kill(os.getpid(), signal.SIGILL)\n"


@pytest.fixture
def tried(tmp_path, monkeypatch):
    """Write a module and try to import it; return the finding."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def judged(source, *, is_needed=True, limit_s=30):
        (tmp_path / "fragile.py").write_text(source)
        ended = run_python("import fragile", limit_s=limit_s)
        return judge(Library("fragile", "pip install fragile", is_needed=is_needed), ended)

    return judged


def test_an_illegal_instruction_is_no_end_of_the_examination(tried):
    finding = tried(DIES.format(first=""))
    evidence = "killed by SIGILL: its wheel uses instructions that this processor does not have"
    assert (finding.state, finding.evidence) == ("failed", evidence)
    assert finding.cure.startswith('pip install "fragile!=')


def test_a_cure_that_can_be_tried_is_tried(tried):
    finding = tried(DIES.format(first="if 'OPENBLAS_CORETYPE' not in os.environ:\n    "))
    assert finding.cure == "export OPENBLAS_CORETYPE=ARMV8 (tried: then it can be imported)"


@pytest.mark.parametrize(
    ("complaint", "cure"),
    [
        ("libGL.so.1: cannot open shared object file: No such file or directory", "opencv-python-headless"),
        ("libgthread-2.0.so.0: cannot open shared object file", "sudo apt install libglib2.0-0"),
        ("libnvinfer.so.10: cannot open shared object file", "sudo apt install nvidia-jetpack"),
        ("/lib/libgomp.so.1: cannot allocate memory in static TLS block", "export LD_PRELOAD="),
        ("/lib/libc.so.6: version `GLIBC_2.38' not found (required by x.so)", "older version"),
        ("libfoo.so.3: cannot open shared object file", "apt-file search libfoo.so.3"),
        ("A module that was compiled using NumPy 1.x cannot be run in NumPy 2.4", 'pip install "numpy<2"'),
        ("something else", "pip install --force-reinstall fragile"),
    ],
)
def test_a_complaint_has_its_cure(tried, complaint, cure):
    finding = tried(f"raise ImportError({complaint!r})")
    assert finding.state == "failed"
    assert complaint in finding.evidence
    assert cure in finding.cure


def test_what_only_some_need_is_not_here_and_no_failure():
    ended = run_python("import not_there_at_all", limit_s=30)
    absent = judge(Library("not_there_at_all", "pip install it"), ended)
    assert (absent.state, absent.evidence, absent.cure) == ("not here", "not installed", "pip install it")
    needed = judge(Library("not_there_at_all", "pip install it", is_needed=True), ended)
    assert needed.state == "failed"


def test_a_module_that_misses_another_one_is_broken_not_absent(tried):
    assert tried("import not_there_at_all", is_needed=False).state == "warning"


def test_a_hang_is_told_with_its_place(tried, tmp_path):
    finding = tried("import time\ntime.sleep(600)\n", limit_s=1)
    assert finding.evidence == f"hangs in {tmp_path}/fragile.py line 2, in <module>"


def test_what_is_installed_here_can_be_imported():
    findings = {one.name: one for one in check_libraries(Subject(User("pi", 1000, frozenset())))}
    assert {one.name for one in findings.values() if one.state == "failed"} == set()
    assert {f"import {library.module}" for library in LIBRARIES} | {"python", "onnxruntime"} == set(findings)


def test_a_killed_library_is_no_answer_of_it():
    finding = judge(LIBRARIES[0], Ended("", "", signal="SIGSEGV", code=-11))
    assert finding.evidence == "killed by SIGSEGV: it, or a library that it loads, is broken or of another version"
