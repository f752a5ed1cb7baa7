"""What every source does alike, over a real folder, a real web server and a real broker."""

import errno
import os
import socket
import threading
import time
from contextlib import suppress

import pytest

from edge_sdk.agent.fetch import FirstOf, FolderSource, HttpSource, MqttSource
from edge_sdk.agent.fetch.download import download
from edge_sdk.errors import InputError, TrustError, UnavailableError
from edge_sdk.wire.blocks import BLOCK_BYTES
from tests.agent.fetch.conftest import Ranges, make_package
from tests.lines import Line, serving
from tests.mosquitto import Mosquitto


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(params=["folder", "http", "http without ranges", "mqtt", "first of"])
def source(request, tmp_path, package, web):  # noqa: ARG001  the package is what the folder has
    folder = tmp_path / "repository"
    if request.param == "mqtt":
        broker = request.getfixturevalue("broker")
        line = Line("127.0.0.1", broker.port)
        with serving("127.0.0.1", broker.port, folder):
            yield MqttSource(line, patience_s=10)
        line.close()
    elif request.param == "first of":
        yield FirstOf([HttpSource("http://127.0.0.1:1"), FolderSource(tmp_path / "no"), FolderSource(folder)])
    elif request.param == "folder":
        yield FolderSource(folder)
    else:
        Ranges.knows_ranges = request.param == "http"
        yield HttpSource(web.address)
        Ranges.knows_ranges = True


def test_a_package_comes_whole(tmp_path, package, source):
    path = download(source, package, tmp_path / "downloads")
    assert path.read_bytes() == (tmp_path / "repository" / package.file).read_bytes()
    assert [path.name for path in (tmp_path / "downloads").iterdir()] == [f"{package.sha256}.edge"]


@pytest.mark.parametrize("size_bytes", [1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES])
def test_a_package_of_any_size_comes_whole(tmp_path, size_bytes):
    data = os.urandom(size_bytes)
    package = make_package(tmp_path / "repository", data)
    assert download(FolderSource(tmp_path / "repository"), package, tmp_path / "downloads").read_bytes() == data


def test_small_files_are_read_whole(source, package):
    assert source.read("metadata/timestamp.json", max_bytes=2) == b"{}"
    assert len(source.read(package.file, max_bytes=package.size_bytes)) == package.size_bytes


def test_that_there_is_no_file_is_an_answer(source):
    assert source.read("metadata/2.root.json", max_bytes=100) is None
    with pytest.raises(UnavailableError):
        list(source.stream("targets/none", size_bytes=100, first_block=0, count=1))


def test_more_than_was_asked_for_is_refused(source, package):
    with pytest.raises(UnavailableError, match=f"expected at most {package.size_bytes - 1} bytes"):
        source.read(package.file, max_bytes=package.size_bytes - 1)


def test_blocks_that_are_not_the_signed_ones_are_refused(tmp_path, package, source):
    path = tmp_path / "repository" / package.file
    path.write_bytes(bytes(package.size_bytes))
    with pytest.raises(TrustError, match="expected blocks as they were signed, got"):
        download(source, package, tmp_path / "downloads")


def test_a_list_of_blocks_that_is_not_the_signed_one_is_refused(tmp_path, package, source):
    path = tmp_path / "repository" / package.blocks_file
    path.write_bytes(bytes(len(path.read_bytes())))
    with pytest.raises(TrustError, match="expected the digests of 10 blocks as they were signed, got others"):
        download(source, package, tmp_path / "downloads")


def test_one_wrong_block_is_fetched_again_and_no_other(tmp_path, package, web):
    download(HttpSource(web.address), package, tmp_path / "downloads")
    done = tmp_path / f"downloads/{package.sha256}.edge"
    data = bytearray(done.read_bytes())
    data[3 * BLOCK_BYTES] ^= 1
    done.unlink()
    (tmp_path / f"downloads/{package.sha256}.part").write_bytes(data)
    web.asked.clear()
    download(HttpSource(web.address), package, tmp_path / "downloads")
    assert [first for name, first in web.asked if name.endswith(".edge")] == [3 * BLOCK_BYTES]


def test_http_goes_on_where_it_broke_off(tmp_path, package, web):
    web.max_bytes = 4 * BLOCK_BYTES + 5
    for _ in range(2):
        with pytest.raises(UnavailableError, match="and the end"):
            download(HttpSource(web.address), package, tmp_path / "downloads")
    download(HttpSource(web.address), package, tmp_path / "downloads")
    firsts = [first // BLOCK_BYTES for name, first in web.asked if name.endswith(".edge")]
    assert firsts == [0, 4, 8]


def test_a_package_that_is_here_is_not_fetched_again(tmp_path, package, web):
    download(HttpSource(web.address), package, tmp_path / "downloads")
    web.asked.clear()
    download(HttpSource(web.address), package, tmp_path / "downloads")
    assert web.asked == []


def test_room_is_looked_for_before_anything_is_fetched(tmp_path, package, web, monkeypatch):
    disk = os.statvfs(tmp_path)
    monkeypatch.setattr(
        os, "statvfs", lambda _: os.statvfs_result((disk.f_bsize, disk.f_frsize, 0, 0, 1, 0, 0, 0, 0, 255))
    )
    with pytest.raises(UnavailableError, match="bytes free, got"):
        download(HttpSource(web.address), package, tmp_path / "downloads")
    assert [name for name, _ in web.asked if name.endswith(".edge")] == []


@pytest.mark.parametrize("address", ["ftp://host", "http://", "http://user:secret@host", "http://host:x", "host"])
def test_what_is_no_address_is_refused_and_shows_no_secret(address):
    with pytest.raises(InputError, match="expected http://HOST/PATH") as refused:
        HttpSource(address)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("begin", "told"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "expected 1000 bytes a second or more, got"),
        (b"HTTP/1.1 200 OK\r\nX-Endless: ", "expected metadata/timestamp.json, got no answer within"),
    ],
    ids=["body", "headers"],
)
def test_a_server_that_trickles_is_given_up(begin, told):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle():
            connection, _ = server.accept()
            with connection, suppress(ConnectionError):
                connection.recv(4096)
                connection.sendall(begin)
                for _ in range(100):
                    connection.sendall(b"x")
                    time.sleep(0.02)

        thread = threading.Thread(target=trickle)
        thread.start()
        source = HttpSource(f"http://127.0.0.1:{server.getsockname()[1]}", timeout_s=0.1)
        with pytest.raises(UnavailableError, match=told):
            source.read("metadata/timestamp.json", max_bytes=100)
        thread.join(10)


def test_an_old_stick_does_not_hide_what_the_network_has(tmp_path, package, web):
    stick = tmp_path / "stick"
    (stick / "metadata").mkdir(parents=True)
    source = FirstOf([FolderSource(stick), HttpSource(web.address)])
    assert source.read("metadata/timestamp.json", max_bytes=2) is None, "of metadata, the first answer counts"
    assert download(source, package, tmp_path / "downloads").stat().st_size == package.size_bytes
    assert source.read("targets/none", max_bytes=2) is None
    alone = FirstOf([FolderSource(stick), HttpSource("http://127.0.0.1:1")])
    assert alone.read("targets/none", max_bytes=2) is None


def test_a_disk_that_fills_while_fetching_is_told_and_what_is_here_stays(tmp_path, package, web, monkeypatch):
    left = [3]
    write = os.pwrite

    def fill(file, data, offset):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "full")
        return write(file, data, offset)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", fill)
        with pytest.raises(UnavailableError, match="expected room to write, got a full disk"):
            download(HttpSource(web.address), package, tmp_path / "downloads")
    web.asked.clear()
    download(HttpSource(web.address), package, tmp_path / "downloads")
    assert [first // BLOCK_BYTES for name, first in web.asked if name.endswith(".edge")] == [3]
