from __future__ import annotations

import time

import pytest

from edge_sdk.errors import UnavailableError
from edge_sdk.runtime.swap import SwapOptions
from edge_sdk.runtime.swap.package_watch import Identity, PackageWatch


class Asked:
    """Who is asked to swap, and may be busy the first few times."""

    def __init__(self, *, busy=0):
        self.paths, self._busy = [], busy

    def swap(self, package, options):
        if self._busy:
            self._busy -= 1
            raise UnavailableError("busy")
        self.paths.append(package.resolve().name)


@pytest.fixture
def link(tmp_path):
    for name in ("a.edge", "b.edge"):
        (tmp_path / name).write_text(name)
    lead(tmp_path / "current.edge", "a.edge")
    return tmp_path / "current.edge"


def lead(link, name):
    new = link.with_suffix(".new")
    new.symlink_to(name)
    new.replace(link)


def watch(asked, link):
    return PackageWatch(asked, link, Identity.of(link), SwapOptions(), period_s=0.01)


def wait():
    time.sleep(0.15)


def test_a_link_that_is_moved_is_followed_once(link):
    asked = Asked()
    with watch(asked, link):
        wait()
        lead(link, "b.edge")
        wait()
        assert asked.paths == ["b.edge"]
        lead(link, "a.edge")
        wait()
    assert asked.paths == ["b.edge", "a.edge"]


def test_what_changed_before_the_watch_began_is_not_missed(link):
    opened, asked = Identity.of(link), Asked()
    lead(link, "b.edge")
    with PackageWatch(asked, link, opened, SwapOptions(), period_s=0.01):
        wait()
    assert asked.paths == ["b.edge"]


def test_a_path_that_leads_nowhere_is_waited_for(link):
    asked = Asked()
    with watch(asked, link):
        link.unlink()
        wait()
        assert asked.paths == []
        lead(link, "b.edge")
        wait()
    assert asked.paths == ["b.edge"]


def test_who_is_busy_is_asked_again(link):
    asked = Asked(busy=3)
    with watch(asked, link):
        lead(link, "b.edge")
        wait()
    assert asked.paths == ["b.edge"]


def test_a_file_that_is_being_written_is_left_alone(tmp_path):
    path, asked = tmp_path / "a.edge", Asked()
    path.write_text("a")
    with PackageWatch(asked, path, Identity.of(path), SwapOptions(), period_s=0.05):
        for _ in range(20):
            with path.open("a") as file:
                file.write("more")
            time.sleep(0.01)
        assert asked.paths == []
        time.sleep(0.3)
    assert asked.paths == ["a.edge"]
