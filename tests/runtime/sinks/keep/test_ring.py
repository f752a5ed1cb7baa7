from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_sdk.errors import UnavailableError
from edge_sdk.files import sha256_hex
from edge_sdk.runtime.kept.record import SCHEMA, KnownModel
from edge_sdk.runtime.sinks.keep.ring import Ring
from tests.runtime.sinks.keep.filling import MAX_BYTES, REASONS, put


def on_disk(folder):
    """Return what all files of a folder take in whole blocks."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return sum(-(-size // 4096) * 4096 for size in sizes)


def require_whole(folder):
    """Check that each side file has the data that it tells of, and nothing lies there by half; return how many."""
    sides = sorted(folder.glob("*.json"))
    for side in sides:
        told = json.loads(side.read_bytes())
        data = (folder / told["file"]).read_bytes()
        assert (len(data), sha256_hex(data)) == (told["size_bytes"], told["sha256"])
    return len(sides)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(20_000, 90_000),
    st.lists(st.tuples(st.integers(1, 40_000), st.sampled_from(REASONS), st.floats(0, 1)), max_size=25),
)
def test_there_is_never_more_than_allowed_and_what_is_there_is_whole(tmp_path_factory, max_bytes, told):
    folder = tmp_path_factory.mktemp("ring")
    ring = Ring(folder, max_bytes=max_bytes)
    fits = False
    for i, (size, reason, score) in enumerate(told):
        fits = put(ring, os.urandom(size), reason=reason, score=score)
        assert on_disk(folder) == ring.size_bytes <= max_bytes
        if i % 7 == 6:
            before, _ = ring.entries, ring.close()
            ring = Ring(folder, max_bytes=max_bytes)
            assert ring.entries == before
    assert require_whole(folder) == len(ring.entries)
    assert bool(ring.entries) >= fits
    ring.close()


def test_one_reason_does_not_push_out_the_others(tmp_path):
    ring = Ring(tmp_path, max_bytes=201_000)
    for i in range(8):
        put(ring, os.urandom(4096), reason="random", score=1.0)
        put(ring, os.urandom(4096), reason="novelty", score=i / 8)
    for _ in range(60):
        put(ring, os.urandom(4096), reason="margin")
    counts = {reason: sum(entry.reason == reason for entry in ring.entries) for reason in REASONS}
    assert counts == {"random": 8, "novelty": 8, "margin": 8}
    assert ring.dropped == 52


def test_what_a_cut_left_is_removed_and_what_is_not_ours_stays(tmp_path):
    ring = Ring(tmp_path, max_bytes=200_000)
    put(ring, b"one")
    put(ring, b"two")
    ring.close()
    first, second = sorted(tmp_path.glob("*.png"))
    second.write_bytes(b"tw")
    (tmp_path / "00000003-0badc0de.png").write_bytes(b"no side file yet")
    (tmp_path / ".00000004-0badc0de.jpg.0123abcd.part").write_bytes(b"half")
    (tmp_path / "models" / f".{'cd' * 32}.json.0123abcd.part").write_bytes(b"half")
    (tmp_path / "models" / f"{'ef' * 32}.json").write_bytes(b"of no sample")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "00000005-0badc0de.json").write_text('{"schema": 99}')
    (tmp_path / "00000005-0badc0de.png").write_bytes(b"of a newer version")
    ring = Ring(tmp_path, max_bytes=200_000)
    assert [entry.file for entry in ring.entries] == [first.name]
    names = {path.name for path in tmp_path.iterdir()}
    newer = {"00000005-0badc0de.json", "00000005-0badc0de.png"}
    assert names == {first.name, first.with_suffix(".json").name, "models", "notes.txt", *newer}
    assert [path.name for path in (tmp_path / "models").iterdir()] == [f"{'ab' * 32}.json"]
    assert ring.size_bytes == on_disk(tmp_path) - 4096


def test_a_smaller_bound_drops_what_is_too_much(tmp_path):
    ring = Ring(tmp_path, max_bytes=200_000)
    for _ in range(10):
        put(ring, os.urandom(8000))
    ring.close()
    ring = Ring(tmp_path, max_bytes=60_000)
    assert (len(ring.entries), ring.dropped) == (4, 6)
    assert on_disk(tmp_path) <= 60_000


def test_another_model_takes_its_room_too(tmp_path):
    ring = Ring(tmp_path, max_bytes=60_000)
    while not ring.dropped:
        put(ring, os.urandom(8000))
    ring.know("cd" * 32, KnownModel(SCHEMA, "classification", ("a",) * 999, ()))
    assert on_disk(tmp_path) == ring.size_bytes <= 60_000


def test_what_is_larger_than_the_folder_is_not_kept_and_pushes_nothing_out(tmp_path):
    ring = Ring(tmp_path, max_bytes=50_000)
    assert put(ring, b"small")
    assert not put(ring, os.urandom(60_000))
    assert len(ring.entries) == require_whole(tmp_path) == 1


def test_one_run_fills_a_folder_at_a_time(tmp_path):
    ring = Ring(tmp_path, max_bytes=50_000)
    with pytest.raises(UnavailableError, match=r": expected a folder that no other run fills, got one in use$"):
        Ring(tmp_path, max_bytes=50_000)
    ring.close()
    ring.close()
    Ring(tmp_path, max_bytes=50_000).close()


def test_a_place_that_is_no_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match=r"file: expected a place to write, got File exists$"):
        Ring(tmp_path / "file", max_bytes=50_000)


def test_a_full_disk_leaves_no_half_picture_and_the_next_one_is_kept(tmp_path):
    program = f"""
import resource, signal, sys
sys.path[:0] = {sys.path!r}
from tests.runtime.sinks.keep.filling import *
from edge_sdk.errors import UnavailableError
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ring = Ring(Path({str(tmp_path)!r}), max_bytes=MAX_BYTES)
for size in (10_000, 30_000, 12_000):
    try:
        print(put(ring, os.urandom(size)))
    except UnavailableError as exc:
        print(str(exc).partition(": ")[2])
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["True", "expected room to write, got a full disk", "True"]
    assert require_whole(tmp_path) == 2
    assert len(list(tmp_path.glob("*.png"))) == 2


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 200 KB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", tmp_path]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("the right to mount a tmpfs is missing")
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def test_on_a_disk_that_is_full_nothing_is_there_by_half_and_nothing_is_dropped_for_it(small_disk):
    ring, sizes = Ring(small_disk, max_bytes=10**6), random.Random(0)
    fates = []
    for _ in range(60):
        try:
            fates.append(put(ring, os.urandom(sizes.choice((3_000, 9_000, 25_000)))))
        except UnavailableError as exc:
            assert str(exc).endswith("expected room to write, got a full disk")
            fates.append(False)
        assert require_whole(small_disk) == len(list(small_disk.glob("*.png"))) == len(ring.entries)
    assert (fates[:3], fates[-3:], ring.dropped) == ([True] * 3, [False] * 3, 0)
    assert not list(small_disk.glob(".*"))
    ring.close()


def test_a_run_that_is_killed_at_any_moment_leaves_whole_samples(tmp_path):
    moments, newest = random.Random(0), 0
    for _ in range(5):
        there = {path.name for path in tmp_path.glob("*.json")}
        command = [sys.executable, "-m", "tests.runtime.sinks.keep.filling", tmp_path]
        with subprocess.Popen(command, cwd=Path(__file__).parents[4]) as process:
            while not {path.name for path in tmp_path.glob("*.json")} - there:
                assert process.poll() is None
                time.sleep(0.005)
            time.sleep(moments.random() * 0.1)
            process.send_signal(signal.SIGKILL)
        count = require_whole(tmp_path)
        ring = Ring(tmp_path, max_bytes=MAX_BYTES)
        assert count == len(ring.entries) == len(list(tmp_path.glob("*.png")))
        assert ring.entries[-1].number > newest
        newest = ring.entries[-1].number
        assert on_disk(tmp_path) <= MAX_BYTES
        assert not list(tmp_path.glob(".*.part"))
        ring.close()
