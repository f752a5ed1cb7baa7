import pytest

from edge_sdk.errors import InputError
from edge_sdk.fleet.blocks import BlockServer, Files
from edge_sdk.wire import Place, encode
from edge_sdk.wire.blocks import BLOCK_BYTES, Block, Get


@pytest.fixture
def folder(tmp_path):
    for name, data in {
        "repository/metadata/timestamp.json": b"{}",
        "repository/targets/big": bytes(BLOCK_BYTES) + b"end",
        "repository/pending/root.json": b"unsigned",
        "key.pem": b"secret",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (tmp_path / "repository/targets/out").symlink_to(tmp_path / "key.pem")
    (tmp_path / "repository/targets/up").symlink_to(tmp_path)
    return tmp_path / "repository"


@pytest.fixture
def sent():
    return []


@pytest.fixture
def server(folder, sent):
    return BlockServer(Files(folder), lambda topic, payload: sent.append((topic, payload)))


def ask(server, device="press-4", request=1, file="targets/big", first=0, count=1):
    server.ask(Place("plant", device), encode(Get(request, file, first, count)))


def served(server, sent):
    while server.serve_one():
        pass
    return [(topic.split("/")[3], Block.decode(payload, where="block")) for topic, payload in sent]


def test_blocks_are_sent_to_who_asked(server, sent):
    ask(server, count=3)
    blocks = [block for _, block in served(server, sent)]
    assert [(block.index, len(block.data), block.is_found) for block in blocks] == [
        (0, BLOCK_BYTES, True),
        (1, 3, True),
        (2, 0, False),
    ]
    assert sent[0][0] == "edge/v1/plant/press-4/down/block"
    assert blocks[0].size_bytes == BLOCK_BYTES + 3


@pytest.mark.parametrize("file", ["targets/none", "pending/root.json", "targets/out", "targets/up/key.pem", "metadata"])
def test_what_is_not_of_the_repository_is_not_there(server, sent, file):
    ask(server, file=file)
    assert [block.is_found for _, block in served(server, sent)] == [False]


@pytest.mark.parametrize("file", ["../key.pem", "/etc/passwd", "targets/../../key.pem", "targets//big", ".git", ""])
def test_a_name_that_leads_elsewhere_is_no_question(server, file):
    question = encode(Get(1, "targets/big", 0, 1)).replace(b"targets/big", file.encode())
    with pytest.raises(InputError, match="file: expected letters"):
        server.ask(Place("plant", "press-4"), question)


def test_devices_take_turns(server, sent):
    ask(server, "greedy", count=4)
    ask(server, "modest")
    assert [device for device, _ in served(server, sent)] == ["greedy", "modest", "greedy", "greedy", "greedy"]


def test_what_waits_is_bounded_and_the_oldest_goes_first(server, sent):
    ask(server, count=64, request=1)
    ask(server, count=64, request=2)
    assert {block.request for _, block in served(server, sent)} == {2}
    assert (server.sent, server.dropped) == (64, 64)
