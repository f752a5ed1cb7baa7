"""`edge-sdk demo fleet`, all of it: a real broker, real services, two real agents with their workers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mosquitto import _PATH

PROGRAM = (sys.executable, "-c", "import edge_sdk.cli; edge_sdk.cli.main()", "demo", "fleet")


def processes_with(word):
    """Return the command lines of all processes that have a word in them."""
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
    return [line for line in lines if word.encode() in line]


@pytest.mark.skipif(shutil.which("mosquitto", path=_PATH) is None, reason="mosquitto is not installed")
def test_a_good_update_is_confirmed_a_wrong_one_refused_a_forged_one_not_believed(tmp_path):
    keep = tmp_path / "kept"
    told = subprocess.run([*PROGRAM, "--keep", keep, "--json"], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    seen = json.loads(told.stdout)
    assert seen["confirmed"] == "cards-2 on press-1 and press-2"
    assert seen["refused"].startswith("expected an agreement of 0.9 or more, got 0.000 on 20 samples")
    assert seen["not_believed"].endswith("targets was signed by 0/1 keys")
    assert (seen["results"] > 100, seen["missing"]) == (True, 0)
    assert "press-2  it agrees to 1.00 on 20 samples" in told.stderr
    assert processes_with(str(keep)) == []


def test_a_folder_that_is_there_is_not_written_over(tmp_path):
    told = subprocess.run([*PROGRAM, "--keep", tmp_path], capture_output=True, text=True, check=False)
    assert told.stderr == f"error: {tmp_path}: expected a new folder, got one that is there already\n"
