from __future__ import annotations

import io

import pytest

from edge_sdk.errors import InputError
from edge_sdk.runtime.sources.multipart import MultipartReader

PICTURES = [b"\xff\xd8one\xff\xd9", b"\xff\xd8two\r\n\r\n--fram\xff\xd9", b"\xff\xd8three\xff\xd9"]


def stream(*, length=True, dashes=b"--frame", newline=b"\r\n", before=b"", end=b""):
    """Return an answer as a camera writes it."""
    parts = []
    for picture in PICTURES:
        head = [b"Content-Type: image/jpeg"] + [b"content-length:%d" % len(picture)] * length
        parts.append(dashes + newline + newline.join(head) + newline * 2 + picture + newline)
    return before + b"".join(parts) + end


def read_all(data, boundary="frame", *, chunk=7, most_bytes=1000):
    """Return all parts of an answer that comes in pieces, without the line's end that stands behind each."""
    source = io.BytesIO(data)
    reader = MultipartReader(lambda: source.read(chunk), boundary, most_bytes=most_bytes)
    return [part.rstrip(b"\r\n") for part in iter(reader.next_part, None)]


@pytest.mark.parametrize("chunk", [1, 7, 100_000])
@pytest.mark.parametrize(
    ("data", "boundary"),
    [
        (stream(), "frame"),
        (stream(length=False, end=b"--frame--\r\n"), "frame"),
        (stream(newline=b"\n"), "frame"),
        (stream(before=b"hello\r\n"), "frame"),
        (stream(), "--frame"),
        (stream(dashes=b"----frame"), "--frame"),
        (stream(end=b"--frame--\r\n"), "frame"),
    ],
    ids=["usual", "no length", "newlines", "preamble", "dashes in the header", "dashes twice", "closed"],
)
def test_the_parts_are_what_the_camera_sent(data, boundary, chunk):
    assert read_all(data, boundary, chunk=chunk) == PICTURES


def test_a_wrong_length_costs_its_own_part_alone():
    data = stream().replace(b"content-length:12", b"content-length:3", 1)
    assert read_all(data)[-1] == PICTURES[-1]


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_an_answer_that_is_cut_off_ends_with_the_last_whole_part(cut):
    whole = stream()
    found = read_all(whole[: len(whole) - cut])
    assert found == PICTURES[: len(found)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"x" * 3000, "expected '--frame' within 1000 bytes, got none"),
        (b"--frame\r\nContent-Length: 1001\r\n\r\n", "expected a part of at most 1000 bytes, got 1001"),
        (b"--frame\r\n\r\n" + b"x" * 3000, "expected '--frame' within 1000 bytes, got none"),
        (b"--frame\r\n" + b"x" * 30000, "expected '\\n' within 16384 bytes, got none"),
    ],
)
def test_what_has_no_end_is_refused(data, message):
    with pytest.raises(InputError) as caught:
        read_all(data)
    assert str(caught.value) == message
