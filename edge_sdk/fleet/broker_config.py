"""A hardened configuration of Mosquitto 2.0 and newer, for a folder that can be carried to the broker's machine.

- Nobody comes in without a certificate of the fleet's authority; the name in it is the user, and the session's too, so
  that no device can take another one's place or end its connection.
- One pattern keeps each device to its own branch: it speaks on `up` and hears `down`, never the other way round.
- What a client may send or leave waiting is bounded, by numbers that stand here and not in the broker's version.
- Options that only one of 2.0 and 2.1 has are not used. 2.1 says that `acl_file` will go in 3.0; it holds until then.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_sdk import files
from edge_sdk.errors import InputError
from edge_sdk.fleet.authority import Authority, Identity
from edge_sdk.wire.document import MAX_MESSAGE_BYTES
from edge_sdk.wire.topics import Down, Up

INGEST, DESK = "fleet:ingest", "fleet:desk"
"""Names of who stores results and who talks with devices; no device can have one: a colon is in no safe name."""
MAX_PACKET_BYTES = MAX_MESSAGE_BYTES + (64 << 10)
"""The largest message and its topic; Mosquitto 2.1 takes 2 000 000 bytes unless told, 2.0 256 MB."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker listens.

    Attributes:
        folder: Where its files are on its machine.
        port: Its port.
        bind: The address it listens on; empty for all.
        user: Who owns the files: as whom it runs if it is started as root.
    """

    folder: Path
    port: int
    bind: str
    user: str


def configuration(broker: Broker) -> str:
    """Return `mosquitto.conf`.

    Raises:
        InputError: A path or an address cannot stand in it.
    """
    for name in (str(broker.folder), broker.bind, broker.user):
        if any(letter.isspace() or not letter.isprintable() for letter in name):
            raise InputError(f"{name!r}: expected a path without spaces for Mosquitto, got one")
    listener = f"{broker.port} {broker.bind}".rstrip()
    return _CONFIGURATION.format(
        listener=listener, folder=broker.folder, user=broker.user, max_packet_bytes=MAX_PACKET_BYTES
    )


def access_list(fleet: str) -> str:
    """Return the rights: each device its own branch, ingest and desk what each of them needs."""
    rights = [f"topic read edge/v1/{fleet}/+/up/{channel}" for channel in _INGESTED]
    talks = [f"topic read edge/v1/{fleet}/+/up/{channel}" for channel in _DISCUSSED]
    says = [f"topic write edge/v1/{fleet}/+/down/{channel}" for channel in _SAID]
    return _ACCESS.format(
        fleet=fleet, ingest=INGEST, desk=DESK, rights="\n".join(rights), talks="\n".join([*talks, *says])
    )


def write_broker(broker: Broker, authority: Authority, identity: Identity | None, *, fleet: str) -> None:
    """Write the broker's folder: configuration, rights, certificates, the list of those nobody believes.

    Args:
        broker: Where it listens.
        authority: Who certifies.
        identity: A new key and certificate of the broker; None leaves those that are there.
        fleet: Name of the fleet.

    Raises:
        InputError: A path cannot stand in Mosquitto's configuration.
        UnavailableError: The disk is full, or the folder cannot be written.
    """
    text = configuration(broker)
    if identity is not None:
        identity.write(broker.folder)
    files.write_bytes(broker.folder / "ca.pem", authority.ca_pem)
    files.write_bytes(broker.folder / "crl.pem", authority.revoked_pem)
    files.write_bytes(broker.folder / "acl", access_list(fleet).encode())
    (broker.folder / "data").mkdir(exist_ok=True)
    files.write_bytes(broker.folder / "mosquitto.conf", text.encode())


_CONFIGURATION = """\
# Written by edge-sdk fleet. Mosquitto 2.0 or newer: mosquitto -c {folder}/mosquitto.conf
user {user}
listener {listener}

# who comes in: certificates of the fleet's authority, and nothing else
allow_anonymous false
require_certificate true
use_identity_as_username true
use_username_as_clientid true
tls_version tlsv1.2
cafile {folder}/ca.pem
certfile {folder}/certificate.pem
keyfile {folder}/key.pem
crlfile {folder}/crl.pem

# what each may do
acl_file {folder}/acl

# what one may send, and leave waiting
max_packet_size {max_packet_bytes}
max_inflight_messages 20
max_inflight_bytes 0
max_queued_messages 1000
max_queued_bytes 67108864
max_keepalive 600
queue_qos0_messages false
persistent_client_expiration 14d

# what it keeps: only what may be lost, since every result waits on its device for the fleet's own acknowledgement
persistence true
persistence_location {folder}/data/
autosave_interval 60

log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages true
"""
_ACCESS = """\
# a device, by the name in its certificate: its own branch alone
pattern write edge/v1/{fleet}/%u/up/+
pattern read edge/v1/{fleet}/%u/down/+

user {ingest}
{rights}
topic write edge/v1/{fleet}/+/down/ack

user {desk}
{talks}
"""
_INGESTED: tuple[Up, ...] = ("results", "events", "metrics", "diagnostics", "ask")
_DISCUSSED: tuple[Up, ...] = ("status", "reported", "command", "ask", "get")
_SAID: tuple[Down, ...] = ("desired", "command", "block")
