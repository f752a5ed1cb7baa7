"""A fleet in a folder: its settings, keys, repository, certificates, and the broker's configuration.

fleet.toml      written last: a folder without it is no fleet
keys-offline/   root and targets keys: to be moved to where no network is
keys-online/    a key that signs snapshot, timestamp and director
repository/     TUF metadata and targets; what a static server may serve as it is
authority/      certificates of devices, and who is revoked
broker/         Mosquitto's configuration, rights, certificate; may be carried to the broker's machine
server/ ingest/ our own certificates
claims/         what is kept of claims
fleet.db        what devices sent
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from securesystemslib.signer import CryptoSigner

from edge_sdk import files, records
from edge_sdk.broker import Access
from edge_sdk.errors import InputError
from edge_sdk.fleet.authority import Authority
from edge_sdk.fleet.broker_config import DESK, INGEST, Broker, write_broker
from edge_sdk.fleet.enrolment import Enrolment
from edge_sdk.fleet.registry import Registry
from edge_sdk.fleet.repository import Quorum, Repository
from edge_sdk.fleet.repository.keys import make_key, read_keys
from edge_sdk.fleet.server import Serving
from edge_sdk.fleet.store import Store
from edge_sdk.wire.enrolment import Home

SETTINGS = "fleet.toml"
CLIENTS = {"ingest": INGEST, "desk": DESK}
"""Our own clients of the broker: the names in their certificates, by folder."""
ROOT_KEYS, ROOT_THRESHOLD = 3, 2
TARGETS_KEYS, TARGETS_THRESHOLD = 1, 1
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")
_MAX_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Settings:
    """What is decided once: `fleet.toml`.

    Attributes:
        name: Name of the fleet, a part of each topic.
        hosts: Names and addresses of the machine with the broker and the server; devices are told the first.
        broker_port: Of MQTT over TLS.
        server_port: Of HTTPS.
        bind: The address both listen on; empty for all.
    """

    name: str
    hosts: tuple[str, ...]
    broker_port: int = 8883
    server_port: int = 8443
    bind: str = ""

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: One is none.
        """
        if not files.is_safe_name(self.name):
            raise InputError(f"name: expected letters, digits, '.', '_', '-', got {self.name[:80]!r}")
        if not self.hosts:
            raise InputError("hosts: expected a name or an address that devices reach, got none")
        for host in (*self.hosts, *filter(None, [self.bind])):
            if not _HOST.fullmatch(host):
                raise InputError(f"host: expected a name or an address, got {host[:80]!r}")
        for port in (self.broker_port, self.server_port):
            if not 0 < port < 1 << 16:
                raise InputError(f"port: expected 1 to 65535, got {port}")

    def to_toml(self) -> str:
        """Return it as it is written."""
        hosts = ", ".join(f'"{host}"' for host in self.hosts)
        return (
            "# Written by edge-sdk fleet init.\n"
            f'name = "{self.name}"\nhosts = [{hosts}]\n'
            f'broker_port = {self.broker_port}\nserver_port = {self.server_port}\nbind = "{self.bind}"\n'
        )


class Fleet:
    """The fleet of a folder.

    Attributes:
        path: The folder.
        settings: What was decided.

    Example:
        >>> Fleet(Path("plant")).enrolment().members()  # doctest: +SKIP
        ()
    """

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            InputError: There is none, or each mistake in its settings by its place.
        """
        self.path = path.absolute()
        if not (path / SETTINGS).is_file():
            raise InputError(
                f"{path}: expected a fleet's folder, with {SETTINGS} in it, got none",
                hint="edge-sdk fleet init FOLDER makes one; --fleet FOLDER or EDGE_SDK_FLEET names it",
            )
        data = files.read_bytes(path / SETTINGS, max_bytes=_MAX_BYTES)
        self.settings = records.read_toml(Settings, data, where=str(path / SETTINGS))

    @classmethod
    def create(cls, path: Path, settings: Settings, *, now_s: int, passphrase: str = "") -> Fleet:
        """Make a new one.

        Args:
            path: Its folder, which is empty or not there.
            settings: What is decided.
            now_s: Unix time.
            passphrase: Encrypts the keys that go offline; empty leaves them plain.

        Raises:
            InputError: There is something in the folder, or a setting cannot stand in Mosquitto's configuration.
            UnavailableError: The disk is full, or the folder cannot be written.
        """
        require_empty(path)
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as exc:
            raise files.unwritable(path, exc) from exc
        path = path.absolute()
        authority = Authority.create(path / "authority", fleet=settings.name, now_s=now_s)
        identity = authority.server(settings.hosts, now_s=now_s)
        write_broker(_broker(path, settings), authority, identity, fleet=settings.name)
        authority.server(settings.hosts, now_s=now_s).write(path / "server")
        for folder, name in CLIENTS.items():
            authority.client(name, now_s=now_s).write(path / folder)
            files.write_bytes(path / folder / "ca.pem", authority.ca_pem)
        _create_repository(path, passphrase)
        files.write_bytes(path / SETTINGS, settings.to_toml().encode())
        return cls(path)

    @property
    def offline_keys(self) -> Path:
        """Where the keys are that sign root and targets, as long as they have not been moved."""
        return self.path / "keys-offline"

    def authority(self) -> Authority:
        """Return who certifies.

        Raises:
            InputError: Its key cannot be read.
        """
        return Authority(self.path / "authority")

    def enrolment(self) -> Enrolment:
        """Return the devices and their claims.

        Raises:
            InputError: The authority's key cannot be read.
        """
        return Enrolment(self.path / "devices", self.authority())

    def repository(self, signers: Sequence[CryptoSigner] = ()) -> Repository:
        """Return the repository, with the online key and those given.

        Raises:
            InputError: The online key cannot be read.
        """
        return Repository(self.path / "repository", [*read_keys(self.path / "keys-online"), *signers])

    def registry(self) -> Registry:
        """Open what is known of devices.

        Raises:
            UnavailableError: It is damaged, or cannot be written.
        """
        return Registry(self.path / "registry.db")

    def store(self) -> Store:
        """Open what devices sent.

        Raises:
            UnavailableError: It is damaged, or cannot be written.
        """
        return Store(self.path / "fleet.db")

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Let one process at a time change the repository: each signs what the one before has left.

        Raises:
            UnavailableError: The folder cannot be written.
        """
        try:
            handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise files.unwritable(self.path, exc) from exc
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def broker(self) -> Broker:
        """Return where the broker listens; it runs as the user who owns the folder."""
        return _broker(self.path, self.settings)

    @property
    def broker_address(self) -> str:
        """Where the broker is, as devices are told and we reach it."""
        return f"mqtts://{self._host}:{self.settings.broker_port}"

    @property
    def server_address(self) -> str:
        """Where the HTTPS server is, as devices are told."""
        return f"https://{self._host}:{self.settings.server_port}"

    @property
    def _host(self) -> str:
        host = self.settings.hosts[0]
        return f"[{host}]" if ":" in host else host

    def access(self, client: Literal["ingest", "desk"]) -> Access:
        """Return who one of our own clients of the broker is."""
        folder = self.path / client
        return Access(
            ca=str(folder / "ca.pem"), certificate=str(folder / "certificate.pem"), key=str(folder / "key.pem")
        )

    def serving(self) -> Serving:
        """Return what the HTTPS server serves."""
        return Serving(
            identity=self.path / "server",
            authority=self.path / "authority",
            repository=self.path / "repository",
            port=self.settings.server_port,
            bind=self.settings.bind,
        )

    def home(self, device: str, groups: tuple[str, ...] = ()) -> Home:
        """Return what a device is to know.

        Raises:
            InputError: A name is none.
        """
        return Home(
            fleet=self.settings.name,
            device=device,
            broker=self.broker_address,
            server=self.server_address,
            ca=self.authority().ca_pem.decode(),
            root=self.repository().root_bytes().decode(),
            groups=groups,
        )


def require_empty(path: Path) -> None:
    """Check that a folder can become a fleet's.

    Raises:
        InputError: There is something in it.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{path}: expected a new or an empty folder, got one with something in it")


def _broker(path: Path, settings: Settings) -> Broker:
    return Broker(path / "broker", settings.broker_port, settings.bind, user=path.owner())


def _create_repository(path: Path, passphrase: str) -> None:
    offline, online = path / "keys-offline", make_key(path / "keys-online" / "online-1.pem")
    root = [make_key(offline / f"root-{number}.pem", passphrase=passphrase) for number in range(1, ROOT_KEYS + 1)]
    targets = [
        make_key(offline / f"targets-{number}.pem", passphrase=passphrase) for number in range(1, TARGETS_KEYS + 1)
    ]
    of_server = Quorum((online.public_key,))
    Repository(path / "repository", [*root, *targets, online]).create(
        {
            "root": Quorum(tuple(key.public_key for key in root), ROOT_THRESHOLD),
            "targets": Quorum(tuple(key.public_key for key in targets), TARGETS_THRESHOLD),
            "snapshot": of_server,
            "timestamp": of_server,
            "director": of_server,
        }
    )
