from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_sdk.errors import InputError, TrustError, UnavailableError
from edge_sdk.flash.image import unpack_image

IMAGE = os.urandom(300_000) + bytes(10 << 20) + b"the end" + bytes(3)
SHA256 = hashlib.sha256(IMAGE).hexdigest()


def zstd(data: bytes) -> bytes:
    """Pack with the program."""
    if shutil.which("zstd") is None:
        pytest.skip("needs zstd")
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "img": bytes,
    "xz": lambda data: lzma.compress(data, preset=0),
    "gz": lambda data: gzip.compress(data, 1),
    "zst": zstd,
}


@pytest.fixture
def packed(tmp_path) -> Callable[[str], Path]:
    """Return what packs the image, under a name that does not say how."""

    def pack(kind: str) -> Path:
        path = tmp_path / "os.image"
        path.write_bytes(PACKERS[kind](IMAGE))
        return path

    return pack


@pytest.mark.parametrize("kind", PACKERS)
def test_an_image_is_unpacked_into_a_file_with_holes(packed, tmp_path, kind):
    source, seen = packed(kind), []
    done = unpack_image(source, tmp_path / "out.img", lambda read, of: seen.append((read, of)))
    assert (done.sha256, done.size_bytes) == (SHA256, len(IMAGE))
    assert (tmp_path / "out.img").read_bytes() == IMAGE
    assert (tmp_path / "out.img").stat().st_blocks * 512 < 2 << 20
    size = source.stat().st_size
    assert seen[-1] == (size, size) and sorted(seen) == seen


def test_what_comes_one_after_another_is_one_image(tmp_path):
    source = tmp_path / "two.xz"
    source.write_bytes(lzma.compress(b"one") + lzma.compress(b"two"))
    sink = io.BytesIO()
    assert unpack_image(source, sink).size_bytes == 6
    assert sink.getvalue() == b"onetwo"


@pytest.mark.parametrize("kind", ["xz", "gz", "zst"])
def test_a_truncated_image_is_told_and_no_file_is_left(packed, tmp_path, kind):
    source = packed(kind)
    os.truncate(source, source.stat().st_size - 9)
    with pytest.raises(InputError, match="expected a whole image, got") as raised:
        unpack_image(source, tmp_path / "out.img")
    assert raised.value.hint == "download it again"
    assert not (tmp_path / "out.img").exists()


@pytest.mark.parametrize("kind", ["xz", "gz", "zst"])
def test_a_damaged_image_is_told_and_no_file_is_left(packed, tmp_path, kind):
    source = packed(kind)
    data = bytearray(source.read_bytes())
    data[len(data) // 2] ^= 0xFF
    source.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"expected an? (whole )?image, got"):
        unpack_image(source, tmp_path / "out.img")
    assert not (tmp_path / "out.img").exists()


@pytest.mark.parametrize(
    ("data", "name"), [(b"PK\x03\x04rest", "zip"), (b"BZh91", "bzip2"), (b"7z\xbc\xaf\x27\x1c", "7z")]
)
def test_other_archives_are_refused_by_name(tmp_path, data, name):
    (tmp_path / "os.img").write_bytes(data)
    with pytest.raises(InputError, match=f"expected .img, .xz, .gz or .zst, got {name}"):
        unpack_image(tmp_path / "os.img", io.BytesIO())


@pytest.mark.parametrize("of", ["the file", "the image"])
@pytest.mark.parametrize("how", ["given", "beside"])
def test_a_digest_may_be_that_of_the_file_or_of_the_image(packed, of, how):
    source = packed("xz")
    digest = SHA256 if of == "the image" else hashlib.sha256(source.read_bytes()).hexdigest()
    if how == "beside":
        source.with_name("os.image.sha256").write_text(f"{digest.upper()} *os.image\n")
        digest = ""
    assert unpack_image(source, io.BytesIO(), sha256=digest).sha256 == SHA256


def test_another_digest_is_refused_and_no_file_is_left(packed, tmp_path):
    with pytest.raises(TrustError, match=f"expected SHA-256 {'0' * 64}, got"):
        unpack_image(packed("xz"), tmp_path / "out.img", sha256="0" * 64)
    assert not (tmp_path / "out.img").exists()


def test_a_digest_that_is_none_or_of_something_else_is_told(packed):
    source = packed("img")
    with pytest.raises(InputError, match="expected a SHA-256 of 64 hexadecimal digits, got 'abc'"):
        unpack_image(source, io.BytesIO(), sha256="abc")
    source.with_name("os.image.sha256").write_text(f"{SHA256}  other.img\n")
    with pytest.raises(InputError, match=r"os.image.sha256: expected the SHA-256 of os.image, got none"):
        unpack_image(source, io.BytesIO())


def test_a_file_that_is_there_is_not_written_over(packed, tmp_path):
    (tmp_path / "out.img").write_bytes(b"mine")
    with pytest.raises(InputError, match="expected a new file, got File exists"):
        unpack_image(packed("img"), tmp_path / "out.img")
    assert (tmp_path / "out.img").read_bytes() == b"mine"


def test_a_sink_that_is_full_is_told(packed):
    with Path("/dev/full").open("wb", buffering=0) as sink, pytest.raises(UnavailableError, match="got No space left"):
        unpack_image(packed("img"), sink)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="Python unpacks it itself")
def test_a_missing_zstd_is_told_with_what_brings_it(packed, monkeypatch, tmp_path):
    source = packed("zst")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="expected the program zstd to unpack it, got none") as raised:
        unpack_image(source, io.BytesIO())
    assert raised.value.hint == "apt install zstd / brew install zstd"
