"""Files in blocks over the broker: the device asks for a few, each comes by itself; nothing is ever pushed.

A block is one line of JSON and then its bytes, so that they need no other encoding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_sdk.errors import InputError
from edge_sdk.wire.document import decode as decode_document
from edge_sdk.wire.document import encode as encode_document

BLOCK_BYTES = 1 << 17
"""The size of a block of a release; the last one of a file may be smaller."""
MAX_COUNT = 64
_MAX_HEAD_BYTES = 2048
_MAX_FILE_NAME = 512
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
"""As a safe name, with room for the digest in front of a name of the greatest length."""


@dataclass(frozen=True, slots=True)
class Get:
    """`up/get`: blocks of a file of the repository.

    Attributes:
        request: Number of the request; answers carry it.
        file: Which file, such as `metadata/2.root.json` or `targets/packages/….edge`.
        first_block: The first block, from 0.
        count: How many, 1 to 64.
    """

    request: int
    file: str
    first_block: int
    count: int

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: The file's name could lead elsewhere, or a number is out of range.
        """
        check_file(self.file)
        if self.first_block < 0 or not 1 <= self.count <= MAX_COUNT:
            raise InputError(f"count: expected 1 to {MAX_COUNT} from block 0 on, got {self.count}, {self.first_block}")


@dataclass(frozen=True, slots=True)
class Block:
    """`down/block`: one block, or that there is none.

    Attributes:
        request: Of which request.
        file: Of which file.
        index: Which block, from 0.
        size_bytes: How large the whole file is.
        is_found: Whether there is such a file and such a block.
        data: The bytes.
    """

    request: int
    file: str
    index: int
    size_bytes: int
    is_found: bool
    data: bytes = b""

    def encode(self) -> bytes:
        """Return it as bytes."""
        head = _Head(self.request, self.file, self.index, self.size_bytes, self.is_found)
        return encode_document(head) + b"\n" + self.data

    @classmethod
    def decode(cls, payload: bytes, *, where: str) -> Block:
        """Read one.

        Raises:
            InputError: It is none.
        """
        line, _, data = payload.partition(b"\n") if b"\n" in payload[:_MAX_HEAD_BYTES] else (b"", b"", b"")
        head = decode_document(_Head, line, where=where)
        if len(data) > BLOCK_BYTES:
            raise InputError(f"{where}: expected at most {BLOCK_BYTES} bytes in a block, got {len(data)}")
        return cls(head.request, head.file, head.index, head.size_bytes, head.is_found, data)


@dataclass(frozen=True, slots=True)
class _Head:
    request: int
    file: str
    index: int
    size_bytes: int
    is_found: bool


def check_file(name: str) -> None:
    """Check a file's name inside a repository: letters, digits, `.`, `_`, `-`, in parts with `/` between them.

    Raises:
        InputError: It could lead elsewhere.
    """
    if len(name) > _MAX_FILE_NAME or not all(_PART.fullmatch(part) for part in name.split("/")):
        raise InputError(f"file: expected letters, digits, '.', '_', '-' between '/', got {name[:80]!r}")
