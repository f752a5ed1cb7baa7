"""Ways to overwrite a wrong drive: each is tried for real, on loop devices, and not a byte changes."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_sdk.errors import InputError
from edge_sdk.files import sha256_of_file
from edge_sdk.flash.drives import list_drives, require_drive
from edge_sdk.flash.write import held, write_drive
from tests.flash.loops import attached, mounted, needs_loops, partitioned, ran

pytestmark = needs_loops
SIZE = 8 << 20
IMAGE = b"\xab" * (2 << 20)


@pytest.fixture
def disk(tmp_path):
    file = tmp_path / "disk.img"
    file.write_bytes(os.urandom(1 << 16) * (SIZE >> 16))
    return file


@dataclass
class Scene:
    """A drive that would be taken, at `path`, a folder, and what is there until the end."""

    path: str
    place: Path
    enter: Callable


def flash(name, *, holding=(), least_bytes=0):
    """What `edge-sdk flash` does after the confirmation."""
    drive = require_drive(name, max(least_bytes, len(IMAGE)), holding=holding)
    write_drive(drive, [IMAGE], size_bytes=len(IMAGE))


def pattern(scene):
    return f"{scene.path[:-1]}[{scene.path[-1]}]", "got a pattern"


def relative_name(scene):
    return os.path.relpath(scene.path), f"got a link or a way around to {scene.path}"


def name_without_folder(scene):
    return Path(scene.path).name, "got nothing"


def doubled_slash(scene):
    return scene.path.replace("/dev/", "/dev//"), f"got a link or a way around to {scene.path}"


def way_around(scene):
    return scene.path.replace("/dev/", "/dev/shm/../"), f"got a link or a way around to {scene.path}"


def link(scene):
    (scene.place / "card").symlink_to(scene.path)
    return str(scene.place / "card"), f"got a link or a way around to {scene.path}"


def link_to_the_folder(scene):
    (scene.place / "devices").symlink_to("/dev")
    return str(scene.place / "devices" / Path(scene.path).name), f"got a link or a way around to {scene.path}"


def other_node(scene):
    os.mknod(scene.place / "node", stat.S_IFBLK | 0o600, Path(scene.path).stat().st_rdev)
    return str(scene.place / "node"), f"got another name of {scene.path}"


def node_of_nothing(scene):
    os.mknod(scene.place / "node", stat.S_IFBLK | 0o600, os.makedev(240, 77))
    return str(scene.place / "node"), "got a device node without one"


def near_name(scene):
    return f"{scene.path}9", f"got nothing; did you mean '{scene.path}'?"


def file_in_dev(scene):
    file = Path(f"/dev/edge-sdk-test-{os.getpid()}")
    scene.enter(removed(file))
    file.write_bytes(b"\0" * SIZE)
    return str(file), "got a regular file"


def folder(scene):
    return str(scene.place), "got a folder"


def character_device(_scene):
    return "/dev/zero", "got a character device"


def whole_drive_is_mounted(scene):
    scene.enter(mounted(scene.path, scene.place / "mnt"))
    return scene.path, f"{scene.path} mounted at {scene.place}/mnt"


def mounted_where_nobody_sees_it(scene):
    ran("mke2fs", "-q", "-F", scene.path)
    scene.enter(mounted_elsewhere(scene.path, scene.place))
    return scene.path, "got one that the system or another program has open"


def swapped_to(scene):
    ran("mkswap", scene.path)
    scene.enter(swapping(scene.path))
    return scene.path, f"got one that it swaps to ({scene.path})"


def held_by_another_program(scene):
    scene.enter(opened(scene.path, os.O_RDWR | os.O_EXCL))
    return scene.path, "has open"


def being_written_by_dd(scene):
    scene.enter(opened(scene.path, os.O_WRONLY))
    return scene.path, "got one that python"


def loop_of_the_drive(scene):
    return scene.enter(attached(scene.path)), f"got one of {scene.path}"


def file_behind_is_gone(scene):
    (scene.place / "gone.img").write_bytes(b"\0" * SIZE)
    name = scene.enter(attached(scene.place / "gone.img"))
    (scene.place / "gone.img").unlink()
    return name, "gone.img (deleted)"


WAYS = (
    *(pattern, relative_name, name_without_folder, doubled_slash, way_around, link, link_to_the_folder, other_node),
    *(node_of_nothing, near_name, file_in_dev, folder, character_device, whole_drive_is_mounted),
    *(mounted_where_nobody_sees_it, swapped_to, held_by_another_program, being_written_by_dd, loop_of_the_drive),
    *(file_behind_is_gone,),
)


@pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
def test_a_wrong_drive_is_not_overwritten(way, disk, tmp_path):
    with ExitStack() as stack:
        path = stack.enter_context(attached(disk))
        flash_would_do(path)
        name, got = way(Scene(path, tmp_path, stack.enter_context))
        os.sync()
        before = sha256_of_file(disk)
        with pytest.raises(InputError) as refused:
            flash(name)
        assert got in str(refused.value)
        assert sha256_of_file(disk) == before


def flash_would_do(path):
    """Without the mistake the drive is taken: it is the mistake that is refused."""
    assert require_drive(path, len(IMAGE)).path == path


def refused_without_a_change(disk, name, **given):
    before = sha256_of_file(disk)
    with pytest.raises(InputError) as refused:
        flash(name, **given)
    assert sha256_of_file(disk) == before
    return str(refused.value), refused.value.hint


def test_a_partition_is_no_drive(disk):
    with partitioned(disk) as path:
        said, hint = refused_without_a_change(disk, f"{path}p2")
    assert said == f"{path}p2: expected a whole drive, got a partition of {path}"
    assert f"{path} is loop device of {disk}, 0.0 GB" in hint


def test_a_drive_with_a_mounted_partition_is_refused_with_the_cure(disk, tmp_path):
    with partitioned(disk) as path, mounted(f"{path}p2", tmp_path / "root fs"):
        said, hint = refused_without_a_change(disk, path)
    assert said.endswith(f"got {path}p2 mounted at {tmp_path}/root fs")
    assert hint == f"sudo umount '{tmp_path}/root fs'"


def test_a_drive_that_holds_the_image_is_refused(disk, tmp_path):
    with attached(disk) as path, mounted(path, tmp_path / "mnt") as folder:
        (folder / "os.img").write_bytes(IMAGE)
        os.sync()
        said, _ = refused_without_a_change(disk, path, holding=[folder / "os.img"])
    assert said.endswith(f"got the one that holds {tmp_path}/mnt/os.img")


def test_a_loop_device_of_the_image_itself_is_refused(disk):
    with attached(disk) as path:
        said, _ = refused_without_a_change(disk, path, holding=[disk])
        assert said.endswith(f"got the one that holds {disk}")
        said, _ = refused_without_a_change(disk, path, holding=[Path(path)])
    assert said.endswith(f"got the one that holds {path}")


def test_a_drive_that_is_too_small_is_refused(disk):
    with attached(disk) as path:
        said, _ = refused_without_a_change(disk, path, least_bytes=SIZE + 1)
    assert f"expected a drive of at least {SIZE + 1:,} bytes, got {SIZE:,} (loop device of {disk}" in said


def test_a_drive_that_is_write_protected_is_refused(disk):
    with attached(disk, "--read-only") as path:
        said, hint = refused_without_a_change(disk, path)
    assert (said.partition("got ")[2], hint) == ("one that is write-protected", "see the switch at the card's side")


def test_an_empty_loop_device_is_refused(disk):
    with attached(disk) as path:
        pass
    said, _ = refused_without_a_change(disk, path)
    assert said == f"{path}: expected a drive, got a loop device without a file"


def test_a_drive_that_was_exchanged_since_the_plan_is_not_written(disk, tmp_path):
    other = tmp_path / "other.img"
    other.write_bytes(b"\x01" * SIZE)
    with attached(disk) as path:
        drive = require_drive(path, len(IMAGE))
    with attached(other, at=path), pytest.raises(InputError, match="expected the drive of the plan") as refused:
        write_drive(drive, [IMAGE], size_bytes=len(IMAGE))
    assert refused.value.hint.endswith("nothing was written")
    assert other.read_bytes() == b"\x01" * SIZE


def test_the_same_drive_put_in_again_has_to_be_planned_again(disk):
    with attached(disk) as path:
        drive = require_drive(path, len(IMAGE))
    before = sha256_of_file(disk)
    with attached(disk, at=path), pytest.raises(InputError, match="expected the drive of the plan"):
        write_drive(drive, [IMAGE], size_bytes=len(IMAGE))
    assert sha256_of_file(disk) == before


def test_what_was_mounted_since_the_plan_is_not_written(disk, tmp_path):
    with attached(disk) as path:
        drive = require_drive(path, len(IMAGE))
        with mounted(path, tmp_path / "mnt"):
            before = sha256_of_file(disk)
            with pytest.raises(InputError, match="expected a drive to write, got one that is in use"):
                write_drive(drive, [IMAGE], size_bytes=len(IMAGE))
            assert sha256_of_file(disk) == before


def test_a_drive_that_is_held_is_mounted_by_nobody_and_programs_may_change_it(disk, tmp_path):
    ran("mke2fs", "-q", "-F", str(disk))
    with attached(disk) as path, held(require_drive(path, 0)):
        assert subprocess.run(["mount", path, tmp_path], capture_output=True, check=False).returncode != 0
        ran("debugfs", "-w", "-R", f"write {__file__} there", path)
        assert "there" in ran("debugfs", "-R", "ls", path)


def test_a_user_without_rights_sees_the_plan_and_writes_nothing(disk):
    program = (
        "import os, sys; from edge_sdk.flash.drives import list_drives, require_drive; "
        "from edge_sdk.flash.write import write_drive; os.setuid(65534); "
        "drive = require_drive(sys.argv[1], 1 << 21); "
        "print(drive in list_drives(), drive.is_incomplete, flush=True); "
        "write_drive(drive, [bytes(1 << 21)], size_bytes=1 << 21)"
    )
    before = sha256_of_file(disk)
    with attached(disk) as path:
        done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
    assert done.stdout == "True None\n"
    assert f"{path}: expected a drive to write, got one that this user may not" in done.stderr
    assert sha256_of_file(disk) == before


def test_the_list_shows_what_may_be_written_and_refuses_what_this_machine_runs_from(disk, tmp_path):
    other = tmp_path / "other.img"
    other.write_bytes(bytes(SIZE))
    with attached(disk) as path, attached(other, "--read-only") as protected:
        drives = {drive.path: drive for drive in list_drives()}
        assert drives[path].refusal is None
        assert protected not in drives, "of loop devices only those to write"
        for drive in drives.values():
            if drive.refusal is not None:
                with pytest.raises(InputError, match=f"expected {re.escape(drive.refusal.expected)}"):
                    require_drive(drive.path, 0)


@contextmanager
def removed(file):
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


@contextmanager
def swapping(path):
    ran("swapon", path)
    try:
        yield
    finally:
        ran("swapoff", path)


@contextmanager
def mounted_elsewhere(path, folder):
    """Mount a device in a namespace of its own, as a container does."""
    script = f"mount {path} {folder} && echo there && read end"
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "there\n"
        try:
            yield
        finally:
            process.communicate("end\n")


@contextmanager
def opened(path, flags):
    """Have another program hold a device open."""
    program = f"import os; os.open({path!r}, {flags}); print('there', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "there\n"
        try:
            yield
        finally:
            process.communicate("\n")
