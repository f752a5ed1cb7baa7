"""What tests of the fleet start from."""

from __future__ import annotations

import time

import pytest

from edge_sdk.fleet.authority import Authority

NOW_S = int(time.time())
"""The real time: OpenSSL looks at the clock."""


@pytest.fixture
def authority(tmp_path):
    """A new authority of the fleet `plant`."""
    return Authority.create(tmp_path / "authority", fleet="plant", now_s=NOW_S)
