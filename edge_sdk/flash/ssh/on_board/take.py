"""Puts a kit into its folder, as root: run there by `edge_sdk.flash.ssh.deliver`.

- `compare` says which files of a kit are missing or differ, and how much of each came before a cut.
- `take` reads their bytes. A file is whole, on the disk and of its digest before it has its name; `kit.json` goes first
  and comes last, so that what is between is no kit.
- Names are checked here again: nothing is written outside the kit's folder, and no link is followed.
"""

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

HOME = Path("/opt/edge-sdk")
KIT = HOME / "kit"
PARTS = KIT / ".parts"
RECORD = "kit.json"
OWN = ("status.json", "recover")
PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
PIECE_BYTES = 1 << 18


class RefusalError(Exception):
    """Why it does not go on, and what to do about it."""

    def __init__(self, error: "str", hint: "str" = "") -> "None":
        super().__init__(error)
        self.hint = hint


def place(name: "str") -> "Path":
    """Return where a file of the kit is."""
    if not all(PART.fullmatch(part) for part in name.split("/")):
        raise RefusalError(f"kit: expected names of files below it, got {name!r:.100}")
    return KIT / name


def part(file: "dict[str, Any]") -> "Path":
    """Return where the beginning of a file waits for the rest: named by name and digest, it is of no other."""
    return PARTS / hashlib.sha256(f"{file['name']} {file['sha256']}".encode()).hexdigest()


def digest_of(path: "Path") -> "str":
    """Return the digest of a file; empty if there is none."""
    digest = hashlib.sha256()
    try:
        with opened(path, os.O_RDONLY) as file:
            for piece in iter(lambda: file.read(PIECE_BYTES), b""):
                digest.update(piece)
    except OSError:
        return ""
    return digest.hexdigest()


def opened(path: "Path", flags: "int") -> "BinaryIO":
    """Open a file that is no link; a new one is its owner's alone."""
    handle = os.open(str(path), flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    return os.fdopen(handle, "rb" if flags == os.O_RDONLY else "r+b")


def size_of(path: "Path") -> "int":
    """Return the size of a file; 0 if there is none."""
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def compare(request: "dict[str, Any]") -> "dict[str, object]":
    """Return which files are needed, and from which byte on."""
    needed = [
        {**file, "from": min(size_of(part(file)), file["size_bytes"])}
        for file in request["files"]
        if size_of(place(file["name"])) != file["size_bytes"] or digest_of(place(file["name"])) != file["sha256"]
    ]
    return {"needed": needed, "is_same": digest_of(KIT / RECORD) == request["record_sha256"]}


def take(request: "dict[str, Any]") -> "dict[str, object]":
    """Put all that is needed, the secrets and the record in their places."""
    needed, secrets, source = request["needed"], request["secrets"], sys.stdin.buffer
    make(KIT)
    make(PARTS)
    require_room(sum(file["size_bytes"] - file["from"] for file in needed))
    if needed or not request["is_same"]:
        remove(KIT / RECORD)
        sync(KIT)
    for file in needed:
        receive(source, part(file), file["from"], file["size_bytes"])
    for file in needed:
        settle(part(file), place(file["name"]), file["sha256"], 0o644)
    blobs = [*secrets, {"name": RECORD, **request["record"]}]
    for blob in blobs:
        remove(PARTS / "blob")
        receive(source, PARTS / "blob", 0, blob["size_bytes"])
        is_last = blob is blobs[-1]
        if is_last:
            remove_others({file["name"] for file in request["files"]} | {secret["name"] for secret in secrets})
        settle(PARTS / "blob", place(blob["name"]), blob["sha256"], 0o644 if is_last else 0o600)
    shutil.rmtree(str(PARTS))
    sync(KIT)
    return {"taken": len(needed)}


def receive(source: "BinaryIO", path: "Path", begin: "int", end: "int") -> "None":
    """Write what comes behind what came before; what came is kept when no more comes."""
    with opened(path, os.O_RDWR | os.O_CREAT) as file:
        file.truncate(begin)
        file.seek(begin)
        left = end - begin
        while left:
            piece = source.read(min(PIECE_BYTES, left))
            if not piece:
                raise RefusalError("kit: expected more bytes, got the end of the connection", "run the same again")
            file.write(piece)
            left -= len(piece)
        file.flush()
        os.fsync(file.fileno())


def settle(path: "Path", to: "Path", sha256: "str", mode: "int") -> "None":
    """Give a file its name, if it is what it should be."""
    got = digest_of(path)
    if got != sha256:
        path.unlink()
        raise RefusalError(f"{to}: expected SHA-256 {sha256}, got {got}", "run the same again")
    path.chmod(mode)
    make(to.parent)
    path.replace(to)
    sync(to.parent)


def remove_others(names: "set[str]") -> "None":
    """Remove what an older kit left."""
    kept = {KIT / name for name in (*names, *OWN, RECORD)}
    for path in sorted(KIT.rglob("*"), reverse=True):
        if PARTS in (path, *path.parents) or path in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        else:
            path.unlink()


def remove(path: "Path") -> "None":
    """Remove a file, if it is there."""
    with suppress(FileNotFoundError):
        path.unlink()


def make(folder: "Path") -> "None":
    """Make a folder of root's that nobody else writes."""
    if not folder.parent.exists():
        make(folder.parent)
    if not folder.exists() and not folder.is_symlink():
        folder.mkdir(0o755)
        folder.chmod(0o755)
        sync(folder.parent)
    there = folder.lstat()
    if not stat.S_ISDIR(there.st_mode) or there.st_uid or there.st_mode & 0o022:
        raise RefusalError(
            f"{folder}: expected a folder that root alone writes, got another", f"look at it: ls -ld {folder}"
        )


def require_room(size_bytes: "int") -> "None":
    """Check that the kit fits."""
    disk = os.statvfs(str(KIT))
    free = disk.f_bavail * disk.f_frsize
    if free < size_bytes:
        raise RefusalError(
            f"{KIT}: expected {size_bytes} bytes free for the kit, got {free}", "free some space on the board"
        )


def sync(folder: "Path") -> "None":
    """Have the names in a folder on the disk."""
    handle = os.open(str(folder), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def main() -> "dict[str, object]":
    """Do what the request says, alone."""
    request = json.loads(sys.stdin.buffer.readline().decode())
    if request["do"] == "compare":
        return compare(request)
    make(HOME)
    with opened(HOME / ".delivery", os.O_RDWR | os.O_CREAT) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RefusalError(f"{KIT}: expected no other delivery, got one", "wait for it, or end it") from None
        return take(request)


if __name__ == "__main__":
    os.umask(0o022)
    try:
        answer = main()
    except RefusalError as exc:
        answer = {"error": str(exc), "hint": exc.hint}
    except OSError as exc:
        is_full = exc.errno in (errno.ENOSPC, errno.EDQUOT)
        said = "a full disk" if is_full else exc.strerror
        answer = {"error": f"{exc.filename or KIT}: expected a place to write, got {said}"}
    print(json.dumps(answer))
