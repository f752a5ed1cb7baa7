from __future__ import annotations

import pytest

from edge_sdk.runtime.swap.room import available_bytes, expected_bytes

MB = 1 << 20


@pytest.fixture
def machine(tmp_path):
    """A machine with 500 MB available, and a way to write further files of its kernel."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    write("proc/meminfo", "MemTotal: 1024000 kB\nMemAvailable: 512000 kB\n")
    write("proc/self/cgroup", "0::/\n")
    return tmp_path, write


def test_a_machine_without_limits_has_what_the_kernel_says(machine):
    assert available_bytes(machine[0]) == 500 * MB


def test_the_tightest_group_around_a_process_decides(machine):
    root, write = machine
    write("proc/self/cgroup", "0::/system.slice/parts.service\n")
    write("sys/fs/cgroup/system.slice/memory.max", f"{200 * MB}\n")
    write("sys/fs/cgroup/system.slice/memory.current", f"{150 * MB}\n")
    write("sys/fs/cgroup/system.slice/memory.stat", f"anon 5\ninactive_file {20 * MB}\n")
    write("sys/fs/cgroup/system.slice/parts.service/memory.max", "max\n")
    write("sys/fs/cgroup/system.slice/parts.service/memory.current", f"{100 * MB}\n")
    write("sys/fs/cgroup/system.slice/parts.service/memory.stat", "inactive_file 0\n")
    assert available_bytes(root) == 70 * MB


def test_groups_of_the_first_version_count_too(machine):
    root, write = machine
    write("proc/self/cgroup", "8:cpu:/\n4:memory:/docker/1\n0::/\n")
    write("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", f"{100 * MB}\n")
    write("sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes", f"{90 * MB}\n")
    write("sys/fs/cgroup/memory/docker/1/memory.stat", "total_inactive_file 0\n")
    assert available_bytes(root) == 10 * MB


def test_this_machine_has_memory():
    assert available_bytes() > 0


def test_a_model_takes_more_than_its_file():
    assert expected_bytes(14 * MB) == (3 * 14 + 32) * MB
