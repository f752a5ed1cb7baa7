"""A TUF repository in memory that a test can change in every wrong way, and two ways to it: HTTP, and the broker."""

from __future__ import annotations

import http.server
import threading
import urllib.request
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from urllib.error import HTTPError
from urllib.parse import quote, unquote

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from edge_sdk.agent.fetch import MqttSource
from edge_sdk.fleet.blocks import BlockServer
from edge_sdk.wire import Channel
from edge_sdk.wire.blocks import BLOCK_BYTES, Block
from tests.lines import Line, connect, disconnect

TOP = ("root", "targets", "snapshot", "timestamp")


class Simulator:
    """Signed documents by role and version; `publish` signs what stands in `signed` now.

    Attributes:
        signed: What each role says.
        signers: The keys that sign for each role.
        documents: What was published of each role, by version.
        asked: The files that were asked for, in order.
    """

    def __init__(self):
        self.now = datetime.now(timezone.utc).replace(microsecond=0)
        expires = self.now + timedelta(days=30)
        self.signed = {
            "root": Root(expires=expires, consistent_snapshot=True),
            "targets": Targets(expires=expires),
            "snapshot": Snapshot(expires=expires),
            "timestamp": Timestamp(expires=expires),
        }
        self.signers = {role: [] for role in TOP}
        self.documents, self.targets, self.asked = {}, {}, []
        self.has_hashes, self.endless = False, None
        for role in TOP:
            self.add_key(role)
            self.signed[role].version = 0
        self.publish("targets", "snapshot", "timestamp", "root")

    def add_key(self, role, delegator="root", signer=None):
        signer = signer or CryptoSigner.generate_ed25519()
        self.signed[delegator].add_key(signer.public_key, role)
        self.signers[role].append(signer)

    def rotate(self, role, delegator="root"):
        for signer in self.signers[role]:
            self.signed[delegator].revoke_key(signer.public_key.keyid, role)
        self.signers[role] = []
        self.add_key(role, delegator)

    def delegate(self, role, *paths, delegator="targets", terminating=False, prefixes=None):
        parent = self.signed[delegator]
        if parent.delegations is None:
            parent.delegations = Delegations({}, {})
        parent.delegations.roles[role] = DelegatedRole(role, [], 1, terminating, list(paths) or None, prefixes)
        if role not in self.signed:
            self.signed[role] = Targets(expires=self.signed["targets"].expires)
            self.signed[role].version = 0
            self.signers[role] = []
        self.add_key(role, delegator)

    def add_target(self, name, data=b"content", role="targets"):
        target = self.signed[role].targets[name] = TargetFile.from_data(name, data, ["sha256"])
        folder, _, last = name.rpartition("/")
        self.targets["/".join(part for part in (folder, f"{target.hashes['sha256']}.{last}") if part)] = data

    def publish(self, *roles, step=1):
        """Sign a next version of each of the roles, which the next role in the chain then names."""
        for role in roles:
            signed = self.signed[role]
            signed.version += step
            document = Metadata(signed)
            for signer in self.signers[role]:
                document.sign(signer, append=True)
            data = document.to_bytes()
            self.documents.setdefault(role, {})[signed.version] = data
            meta = MetaFile.from_data(signed.version, data, ["sha256"]) if self.has_hashes else MetaFile(signed.version)
            if role == "snapshot":
                self.signed["timestamp"].snapshot_meta = meta
            elif role not in {"root", "timestamp"}:
                self.signed["snapshot"].meta[f"{role}.json"] = meta

    def set_back(self, role, version):
        """Forget what was published of a role; the next version is `version` again."""
        self.documents[role] = {}
        self.signed[role].version = version - 1

    def get(self, path):
        """Return a file, or None."""
        self.asked.append(path)
        if self.endless and path.endswith(self.endless):
            return b" " * (6 << 20)
        folder, _, rest = path.partition("/")
        if folder == "targets":
            return self.targets.get(unquote(rest))
        version, _, role = unquote(rest).removesuffix(".json").partition(".")
        if not role:
            return self.documents[version][max(self.documents[version])] if self.documents.get(version) else None
        return self.documents.get(role, {}).get(int(version))

    @property
    def trusted_root(self):
        return self.documents["root"][1]


@contextmanager
def over_http(simulator):
    """Serve it by HTTP; yield its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            data = simulator.get(self.path.lstrip("/"))
            if data is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with suppress(ConnectionError):  # a client that has seen enough
                self.wfile.write(data)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class BrokerSource:
    """What is behind an address, asked for over the broker: an address becomes a name that the wire can carry."""

    def __init__(self, urls, *, host, port):
        self._urls, self._line = urls, Line(host, port)
        self._source = MqttSource(self._line, patience_s=5)

    def read(self, file, *, max_bytes):
        word, _, rest = file.partition("/")
        return self._source.read(_name(f"{self._urls[word].rstrip('/')}/{rest}"), max_bytes=max_bytes)

    def close(self):
        self._line.close()


@contextmanager
def proxy(host, port):
    """Answer questions over the broker by what is behind the addresses that they name."""
    stop = threading.Event()

    class Web:
        def block(self, get, index):
            data = _open(_address(get.file))
            if data is None:
                return Block(get.request, get.file, index, 0, is_found=False)
            part = data[index * BLOCK_BYTES : (index + 1) * BLOCK_BYTES]
            return Block(get.request, get.file, index, len(data), is_found=True, data=part)

    def take(message):
        server.ask(Channel.parse(message.topic).place, message.payload)

    def send(topic, payload):
        client.publish(topic, payload)

    server = BlockServer(Web(), send)
    client = connect(host, port, "edge/v1/+/+/up/get", take)
    thread = threading.Thread(target=server.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        disconnect(client)


def _open(address):
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.read()
    except HTTPError as exc:
        return None if exc.code in {403, 404} else b""


def _name(address):
    digits = quote(address, safe="/:%").encode().hex()
    return "/".join(digits[at : at + 100] for at in range(0, len(digits), 100))


def _address(name):
    return bytes.fromhex(name.replace("/", "")).decode()
