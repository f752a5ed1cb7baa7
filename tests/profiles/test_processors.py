"""How many processors a process may use, from trees of /proc and /sys as systems have them."""

from __future__ import annotations

import os

import pytest

from edge_sdk.profiles.processors import usable_processors
from tests.sysfs import lay

ALLOWED = len(os.sched_getaffinity(0))
GROUPS = "sys/fs/cgroup"


@pytest.fixture
def sixteen(monkeypatch):
    """A machine of 16 processors."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))


def test_without_control_groups_it_is_the_cpu_set(tmp_path):
    assert usable_processors(tmp_path) == ALLOWED


@pytest.mark.parametrize(
    ("files", "usable"),
    [
        ({f"{GROUPS}/a/b/cpu.max": "max 100000"}, 16),
        ({f"{GROUPS}/a/b/cpu.max": "200000 100000"}, 2),
        ({f"{GROUPS}/a/b/cpu.max": "350000 100000"}, 3),
        ({f"{GROUPS}/a/b/cpu.max": "50000 100000"}, 1),
        ({f"{GROUPS}/a/b/cpu.max": "800000 100000", f"{GROUPS}/a/cpu.max": "400000 100000"}, 4),
        ({f"{GROUPS}/cpu.max": "300000 100000"}, 3),  # within a container that sees the groups of its host
        ({f"{GROUPS}/a/b/cpu.max": "9900000 100000"}, 16),
        ({f"{GROUPS}/a/b/cpu.max": "nonsense"}, 16),
    ],
)
@pytest.mark.usefixtures("sixteen")
def test_the_quotas_of_version_2_hold_from_the_top_down(tmp_path, files, usable):
    lay(tmp_path, {"proc/self/cgroup": "0::/a/b", **files})
    assert usable_processors(tmp_path) == usable


@pytest.mark.parametrize(("quota_us", "usable"), [("-1", 16), ("250000", 2), ("1000", 1)])
@pytest.mark.parametrize("mount", ["cpu,cpuacct", "cpu"])
@pytest.mark.usefixtures("sixteen")
def test_the_quota_of_version_1_holds(tmp_path, quota_us, usable, mount):
    group = f"{GROUPS}/{mount}/docker/x"
    lay(tmp_path, {"proc/self/cgroup": "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n0::/"})
    lay(tmp_path, {f"{group}/cpu.cfs_quota_us": quota_us, f"{group}/cpu.cfs_period_us": "100000"})
    assert usable_processors(tmp_path) == usable
