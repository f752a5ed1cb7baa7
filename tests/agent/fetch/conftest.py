import functools
import http.server
import os
import threading
from pathlib import Path

import pytest

from edge_sdk.files import sha256_hex
from edge_sdk.wire.blocks import BLOCK_BYTES
from edge_sdk.wire.release import PackageTarget


@pytest.fixture
def package(tmp_path):
    """A repository in a folder with one package of a few blocks in it, and what is signed of it."""
    return make_package(tmp_path / "repository", os.urandom(9 * BLOCK_BYTES + 1000))


def make_package(folder, data):
    digests = b"".join(
        bytes.fromhex(sha256_hex(data[at : at + BLOCK_BYTES])) for at in range(0, len(data), BLOCK_BYTES)
    )
    package = PackageTarget(
        "packages/a-1.fp32.edge", sha256_hex(data), len(data), "packages/a-1.fp32.blocks", sha256_hex(digests)
    )
    for file, content in ((package.file, data), (package.blocks_file, digests), ("metadata/timestamp.json", b"{}")):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
    return package


class Ranges(http.server.SimpleHTTPRequestHandler):
    """A static server that knows ranges, and breaks off when told to."""

    asked, max_bytes, knows_ranges = None, None, True

    def log_message(self, *_):
        pass

    def do_GET(self):
        wanted = self.headers.get("Range")
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        first = 0
        if wanted and self.knows_ranges:
            first, last = map(int, wanted.removeprefix("bytes=").split("-"))
            total, data = len(data), data[first : last + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{total}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.server.asked.append((path.name, first))
        self.wfile.write(data[: self.server.max_bytes])


@pytest.fixture
def web(tmp_path):
    """A web server over the repository."""
    handler = functools.partial(Ranges, directory=tmp_path / "repository")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked, server.max_bytes = [], None
        server.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
