"""The calls of a file, on files that any machine has."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from edge_sdk.runtime.sources.v4l2 import layouts
from edge_sdk.runtime.sources.v4l2.device import DeviceFile


@pytest.fixture
def node(tmp_path):
    path = tmp_path / "node"
    path.write_bytes(b"frame" + bytes(4091))
    device = DeviceFile(path)
    yield device
    device.close()


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_closing_gives_file_and_memory_back_and_twice_is_harmless(tmp_path):
    (tmp_path / "node").write_bytes(bytes(4096))
    before = open_files()
    device = DeviceFile(tmp_path / "node")
    view = device.map(4096, 0)
    device.close()
    device.close()
    assert open_files() == before
    with pytest.raises(ValueError, match="released"):
        view[0]


def test_memory_that_is_still_looked_at_stays_readable(node):
    part = node.map(4096, 0)[:5]
    node.close()
    assert bytes(part) == b"frame"


def test_what_the_driver_refuses_is_told_by_its_number(node):
    with pytest.raises(OSError, match="Inappropriate ioctl") as caught:
        node.control(layouts.QUERYCAP, layouts.Capability())
    assert caught.value.errno == errno.ENOTTY


def test_a_file_that_has_something_is_waited_for_no_longer(node):
    assert node.wait(5)
