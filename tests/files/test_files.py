from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys

import pytest

from edge_sdk import files
from edge_sdk.errors import InputError, UnavailableError


def run_python(source: str, *args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", source, *map(str, args)], capture_output=True, text=True, check=False)


def test_a_written_file_replaces_the_old_one(tmp_path):
    path = tmp_path / "new" / "folder" / "a.bin"
    files.write_bytes(path, b"old")
    files.write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_a_written_file_has_the_rights_that_the_umask_leaves(tmp_path):
    source = "import os, sys, pathlib; from edge_sdk import files; os.umask(0o027)\n"
    assert run_python(source + "files.write_bytes(pathlib.Path(sys.argv[1]), b'x')", tmp_path / "a").returncode == 0
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_private_file_is_its_owners_alone_from_its_first_byte_on(tmp_path):
    with files.write_atomic(tmp_path / "key", is_private=True) as file:
        [part] = tmp_path.iterdir()
        assert part.stat().st_mode & 0o777 == 0o600
        file.write(b"secret")
    files.write_bytes(tmp_path / "key", b"another", is_private=True)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_an_error_in_the_block_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), files.write_atomic(path) as file:
        file.write(b"half")
        _ = 1 / 0
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_process_killed_before_the_rename_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    killed = run_python(
        "import os, signal, sys, pathlib; from edge_sdk import files\n"
        "with files.write_atomic(pathlib.Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)",
        path,
    )
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"


def test_a_full_disk_is_told_and_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    full = run_python(
        "import resource, sys, pathlib; from edge_sdk import errors, files\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: files.write_bytes(pathlib.Path(sys.argv[1]), bytes(100_000))\n"
        "except errors.UnavailableError as exc: print(exc, exc.hint, sep='; ')",
        path,
    )
    assert full.stdout == f"{path}: expected room to write, got a full disk; free some space and repeat\n"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_is_really_full_is_told(tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("the right to mount a tmpfs is missing")
    try:
        with pytest.raises(UnavailableError, match="expected room to write, got a full disk"):
            files.write_bytes(tmp_path / "a.bin", bytes(1 << 20))
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_folders_and_devices_are_not_replaced(tmp_path, make):
    make(tmp_path / "a")
    with pytest.raises(InputError, match="/a: expected a file or nothing there, got a folder or a device"):
        files.write_bytes(tmp_path / "a", b"x")
    assert not (tmp_path / "a").is_file()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UnavailableError, match="expected a place to write, got Not a directory"):
        files.write_bytes(tmp_path / "file" / "inner" / "a.bin", b"x")


def test_reading_is_bounded(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(11))
    assert files.read_bytes(path, max_bytes=11) == bytes(11)
    with pytest.raises(InputError, match="expected at most 10 bytes, got more"):
        files.read_bytes(path, max_bytes=10)


@pytest.mark.parametrize("read", [lambda path: files.read_bytes(path, max_bytes=9), files.sha256_of_file])
def test_a_missing_file_is_told_by_its_path(tmp_path, read):
    with pytest.raises(InputError, match=r"/none: expected a readable file, got No such file or directory"):
        read(tmp_path / "none")


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path):
    data = os.urandom(files._CHUNK_BYTES + 7)
    (tmp_path / "a").write_bytes(data)
    assert files.sha256_of_file(tmp_path / "a") == files.sha256_hex(data) == hashlib.sha256(data).hexdigest()


def test_missing_space_is_told_before_writing(tmp_path):
    files.require_free_space(tmp_path / "not" / "there", 1)
    with pytest.raises(UnavailableError, match=r"there: expected \d{18} bytes free, got \d+$"):
        files.require_free_space(tmp_path / "not" / "there", 10**17)


@pytest.mark.parametrize("name", ["a", "model.onnx", "A-1_b.tar.gz", "0", "x" * 128])
def test_safe_names(name):
    assert files.is_safe_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "-rf", "a/b", "a\\b", "a b", "a\n", "é", "a\0", "x" * 129])
def test_unsafe_names(name):
    assert not files.is_safe_name(name)


def test_files_have_one_digest_by_their_order(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_bytes(path.name.encode())
    assert files.sha256_of_files(paths[:1]) == files.sha256_hex(b"a")
    assert files.sha256_of_files(paths) == files.sha256_hex((files.sha256_hex(b"a") + files.sha256_hex(b"b")).encode())
    assert files.sha256_of_files(paths) != files.sha256_of_files(paths[::-1])


def test_a_place_that_can_be_written_is_left_as_it_was(tmp_path):
    files.require_writable(tmp_path / "new" / "folder" / "a.bin")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told_beforehand(tmp_path):
    with pytest.raises(InputError, match=r": expected a file or nothing there, got a folder or a device$"):
        files.require_writable(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    for place in (tmp_path / "file" / "a.bin", tmp_path / "file" / "folder" / "a.bin", files.Path("/proc/none/a.bin")):
        with pytest.raises(UnavailableError, match=r"a\.bin: expected a place to write, got "):
            files.require_writable(place)


def test_a_moved_file_takes_the_place_of_what_was_there(tmp_path):
    (tmp_path / "new").write_bytes(b"2")
    (tmp_path / "old").write_bytes(b"1")
    files.move(tmp_path / "new", tmp_path / "old")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("old", b"2")]
    with pytest.raises(UnavailableError, match=r"nowhere/file: expected a place to write"):
        files.move(tmp_path / "old", tmp_path / "nowhere/file")
