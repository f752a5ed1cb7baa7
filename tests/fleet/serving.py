"""`edge-sdk fleet serve --broker`, as people start it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys

import pytest

from tests.mosquitto import _PATH


@contextlib.contextmanager
def served(folder):
    """Run `edge-sdk fleet serve --broker`; give what it says first, and see that it ends in peace."""
    command = [sys.executable, "-c", "from edge_sdk.cli import main; main()", "fleet", "serve", "--broker", "--json"]
    environment = {**os.environ, "EDGE_SDK_FLEET": str(folder), "PATH": _PATH}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("}"):
                break
        if not said:
            error = process.stderr.read()
            if "expected mosquitto, got none" in error:
                pytest.skip("mosquitto is not installed")
            raise AssertionError(error)
        yield json.loads(said)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert process.returncode == 0
