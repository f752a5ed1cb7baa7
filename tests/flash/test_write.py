"""Writing an image: it is on the drive whole and was read back, or the drive says that it is incomplete."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge_sdk.errors import InputError, TrustError, UnavailableError
from edge_sdk.flash.advance import Advance, estimate
from edge_sdk.flash.ahead import BLOCK_BYTES
from edge_sdk.flash.drives import list_drives, require_drive
from edge_sdk.flash.mark import HEAD_BYTES, is_incomplete
from edge_sdk.flash.medium import Medium, claimed
from edge_sdk.flash.write import write_drive, write_medium
from tests.flash.loops import attached, needs_loops, ran

SIZE = 16 << 20
IMAGE = random.Random(7).randbytes(2 * BLOCK_BYTES + 4321 * 512)
IMAGE_BYTES = len(IMAGE)
PIECES = [IMAGE[start : start + 700_001] for start in range(0, IMAGE_BYTES, 700_001)]
SAYS = "is incomplete: nothing starts from it, and it says so until it is written again"


@pytest.fixture
def card(tmp_path):
    file = tmp_path / "card.img"
    file.write_bytes(b"\xee" * SIZE)
    return file


def written(file, pieces=PIECES, size_bytes=IMAGE_BYTES, tell=lambda _: None):
    """Write to a file that stands for a drive."""
    with claimed(str(file)) as medium:
        return write_medium(medium, pieces, size_bytes=size_bytes, tell=tell)


def listed(path):
    return next(drive for drive in list_drives() if drive.path == path)


@needs_loops
def test_an_image_is_on_the_drive_and_nothing_else_changes_but_the_end(card):
    with attached(card) as path:
        done = write_drive(require_drive(path, IMAGE_BYTES), PIECES, size_bytes=IMAGE_BYTES)
        assert listed(path).is_incomplete is False
    on_it = card.read_bytes()
    assert on_it[:IMAGE_BYTES] == IMAGE
    assert on_it[IMAGE_BYTES:-HEAD_BYTES] == b"\xee" * (SIZE - IMAGE_BYTES - HEAD_BYTES)
    assert on_it[-HEAD_BYTES:] == bytes(HEAD_BYTES), "an old copy of the partition table would have stood there"
    assert (done.sha256, done.size_bytes) == (hashlib.sha256(IMAGE).hexdigest(), IMAGE_BYTES)


@pytest.mark.parametrize("more", [0, 1, 512, BLOCK_BYTES - HEAD_BYTES, BLOCK_BYTES + 1])
def test_images_of_any_size_are_written(card, more):
    image = IMAGE[: HEAD_BYTES + more]
    done = written(card, [image], len(image))
    assert card.read_bytes()[: len(image)] == image
    assert card.read_bytes()[len(image) :][:4096] == b"\xee" * 4096
    assert done.sha256 == hashlib.sha256(image).hexdigest()


def test_an_image_that_fills_the_drive_is_written_to_its_end(card):
    image = IMAGE + bytes(SIZE - IMAGE_BYTES)
    written(card, [image], SIZE)
    assert card.read_bytes() == image


@needs_loops
@pytest.mark.parametrize("sector", [512, 4096])
def test_a_drive_that_ends_in_the_middle_of_a_block_is_written_to_its_last_sector(tmp_path, sector):
    size_bytes = 3 * HEAD_BYTES + 3 * sector
    card = tmp_path / "odd.img"
    card.write_bytes(b"\xee" * size_bytes)
    for image in (IMAGE[:size_bytes], IMAGE[: HEAD_BYTES + 77]):
        with attached(card, "--sector-size", str(sector)) as path:
            write_drive(require_drive(path, len(image)), [image], size_bytes=len(image))
        assert card.read_bytes()[: len(image)] == image
    assert card.read_bytes()[-HEAD_BYTES:] == bytes(HEAD_BYTES)


def test_what_cannot_be_written_past_the_cache_is_written_through_it(card):
    handle = os.open(card, os.O_RDWR)
    try:
        write_medium(Medium(handle, str(card)), PIECES, size_bytes=IMAGE_BYTES)
    finally:
        os.close(handle)
    assert card.read_bytes()[:IMAGE_BYTES] == IMAGE


def test_how_far_it_is_is_told_after_each_block_with_its_rate(card):
    told: list[Advance] = []
    written(card, tell=told.append)
    ends = [BLOCK_BYTES, 2 * BLOCK_BYTES, IMAGE_BYTES]
    assert [(one.stage, one.done_bytes) for one in told] == [
        (stage, end) for stage in ("write", "verify") for end in ends
    ]
    assert Advance("write", 50, 200, 2.0).bytes_per_s == 25.0
    assert Advance("write", 50, 200, 2.0).left_s == 6.0
    assert Advance("write", 0, 200, 0.0).left_s == 0.0


def broken():
    yield IMAGE[: BLOCK_BYTES + 5]
    raise TrustError("os.img.xz: expected its digest, got another", hint="get it again")


def unreadable():
    yield IMAGE[: BLOCK_BYTES + 5]
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize(
    ("pieces", "family", "said", "hint"),
    [
        ([IMAGE, b"x"], InputError, f"image: expected {IMAGE_BYTES} bytes, got more", "it is damaged: get it again; "),
        ([IMAGE[:-1]], InputError, f"bytes, got its end at {IMAGE_BYTES - 1}", "it is damaged: get it again; "),
        ([], InputError, "bytes, got its end at 0", "it is damaged: get it again; "),
        (broken(), TrustError, "os.img.xz: expected its digest, got another", "get it again; "),
        (unreadable(), UnavailableError, "image: expected a file that can be read, got Input/output error", ""),
    ],
)
def test_an_image_that_is_not_as_said_leaves_a_drive_that_says_so(card, pieces, family, said, hint):
    with pytest.raises(family) as failed:
        written(card, pieces)
    assert said in str(failed.value)
    assert failed.value.hint == f"{hint}{card} {SAYS}"
    assert is_incomplete(card.read_bytes())
    assert b"\x55\xaa" not in card.read_bytes()[:HEAD_BYTES], "nothing may take it for a partition table"


def test_an_incomplete_drive_is_made_whole_by_writing_it_again(card):
    with pytest.raises(InputError):
        written(card, PIECES[:-1])
    written(card)
    assert card.read_bytes()[:IMAGE_BYTES] == IMAGE


@pytest.mark.parametrize(
    ("at", "start"), [(HEAD_BYTES, 0), (2 * BLOCK_BYTES - 1, BLOCK_BYTES), (IMAGE_BYTES - 1, 2 * BLOCK_BYTES)]
)
def test_other_bytes_than_were_written_are_found_where_they_are(card, at, start):
    def spoil(advance):
        if (advance.stage, advance.done_bytes) == ("write", IMAGE_BYTES):
            with card.open("r+b") as file:
                file.seek(at)
                file.write(bytes([IMAGE[at] ^ 1]))

    end = min(start + BLOCK_BYTES, IMAGE_BYTES)
    with pytest.raises(TrustError, match=f"expected what was written at {start} to {end}, got other bytes") as failed:
        written(card, tell=spoil)
    assert SAYS in failed.value.hint
    assert is_incomplete(card.read_bytes())


def test_a_drive_that_fails_says_at_which_byte():
    with Path("/dev/full").open("r+b", buffering=0) as full:
        medium = Medium(full.fileno(), "/dev/full")
        with pytest.raises(
            UnavailableError, match="/dev/full: expected it to take 512 bytes at 4096, got No space"
        ) as failed:
            medium.write(memoryview(bytes(512)), 4096)
    assert "take another" in failed.value.hint


@needs_loops
def test_a_drive_that_takes_no_more_is_told_with_the_place(tmp_path):
    (tmp_path / "small").mkdir()
    ran("mount", "-t", "tmpfs", "-o", "size=6m", "none", str(tmp_path / "small"))
    try:
        with (tmp_path / "small" / "card.img").open("wb") as file:
            file.truncate(SIZE)
        with attached(tmp_path / "small" / "card.img") as path:
            drive = require_drive(path, IMAGE_BYTES)
            with pytest.raises(
                UnavailableError, match=rf"{path}: expected it to take .* at \d+, got (No space|Input/output)"
            ) as failed:
                write_drive(drive, PIECES, size_bytes=IMAGE_BYTES)
            assert f"{path} {SAYS}" in failed.value.hint
            assert listed(path).is_incomplete is True
    finally:
        ran("umount", str(tmp_path / "small"))


PROGRAM = """
import sys, time
from edge_sdk.flash.ahead import BLOCK_BYTES
from edge_sdk.flash.drives import require_drive
from edge_sdk.flash.write import write_drive

def image():
    for _ in range(3):
        yield bytes(4 << 20)
        time.sleep(0.3)

def tell(advance):
    print(advance.done_bytes, flush=True)

try:
    write_drive(require_drive(sys.argv[1], 12 << 20), image(), size_bytes=12 << 20, tell=tell)
except KeyboardInterrupt as exc:
    print(exc, flush=True)
"""


@needs_loops
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_writing_is_said_and_seen(card, how):
    with attached(card) as path:
        program = subprocess.Popen([sys.executable, "-c", PROGRAM, path], stdout=subprocess.PIPE, text=True)
        assert program.stdout.readline() == f"{BLOCK_BYTES}\n"
        program.send_signal(how)
        said, _ = program.communicate(timeout=20)
        assert listed(path).is_incomplete is True
        if how == signal.SIGINT:
            assert said.splitlines()[-1] == f"{path} {SAYS}"
        require_drive(path, IMAGE_BYTES)


def test_a_user_who_may_not_write_is_told_how(card):
    nobody = "os.setuid(65534)" if os.geteuid() == 0 else "None"
    program = f"import os; from edge_sdk.flash.medium import claimed; {nobody}; claimed({str(card)!r}).__enter__()"
    card.chmod(0)
    card.parent.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert f"{card}: expected a drive to write, got one that this user may not" in done.stderr


def test_an_image_must_fit_and_be_one(card):
    with claimed(str(card)) as medium:
        for size_bytes in (SIZE + 1, HEAD_BYTES - 1):
            with pytest.raises(
                InputError, match=f"expected an image of {HEAD_BYTES} to {SIZE} bytes, got {size_bytes}"
            ):
                write_medium(medium, [], size_bytes=size_bytes)
    assert card.read_bytes() == b"\xee" * SIZE


def test_the_estimate_is_of_writing_and_reading_back():
    card = estimate("mmc", 3_000_000_000)
    assert (card.write_s, card.verify_s) == (150, 50)
    assert estimate("", 3_000_000_000) == estimate("usb", 3_000_000_000)
