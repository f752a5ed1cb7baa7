from __future__ import annotations

import os

import pytest

from tests.flash.ssh import throwaway


@pytest.fixture(scope="session")
def _running(tmp_path_factory):
    lacks = throwaway.missing()
    if lacks:
        pytest.skip(f"a board to throw away needs {lacks}")
    made = throwaway.make(tmp_path_factory.mktemp("board"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def board(_running, monkeypatch):
    """A board that is thrown away, reached by the `ssh` that stands first in PATH."""
    monkeypatch.setenv("PATH", f"{_running.programs}:{os.environ['PATH']}")
    _running.do(
        "rm -rf /opt/edge-sdk /var/lib/edge-sdk /etc/edge-sudo /var/log/edge-systemctl /var/lib/edge-first-boot"
    )
    return _running
