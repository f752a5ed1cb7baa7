"""How a board becomes a member of a fleet: the claim it is given, what it asks for, and what it gets.

- A claim is carried to the board by whoever sets it up: it says whom to believe, and its token can be used once.
- The private key never leaves the board: it asks with a request (PKCS #10) and gets a certificate.
- Before it has one, its claim's token lets it tell how far its first boot has come, and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from edge_sdk.errors import InputError
from edge_sdk.wire.topics import Place

MAX_ENROLMENT_BYTES = 64 << 10
"""No request and no answer of an enrolment is larger."""
ProgressState = Literal["doing", "done", "failed"]
_STEP = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_PEM_BEGIN = "-----BEGIN "


@dataclass(frozen=True, slots=True)
class Home:
    """Where a device belongs, and whom it believes.

    Attributes:
        fleet: Name of the fleet.
        device: Name of the device.
        broker: Where the broker is: `mqtts://HOST:PORT`.
        server: Where certificates and releases come from: `https://HOST:PORT`.
        ca: Certificate of the fleet's authority, PEM.
        root: The fleet's first root of trust, a TUF `root.json` as text.
        groups: The groups that the device is in.
    """

    fleet: str
    device: str
    broker: str
    server: str
    ca: str
    root: str
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the names and addresses.

        Raises:
            InputError: One is none.
        """
        for name in (self.device, *self.groups):
            Place(self.fleet, name)
        _check_address(self.broker, "mqtts")
        _check_address(self.server, "https")
        if not self.ca.startswith(_PEM_BEGIN):
            raise InputError(f"ca: expected a certificate in PEM, got {self.ca[:20]!r}")

    @property
    def place(self) -> Place:
        """The device in its fleet."""
        return Place(self.fleet, self.device)


@dataclass(frozen=True, slots=True)
class Claim:
    """The file that makes a board a member, once.

    Attributes:
        home: Where it belongs.
        token: The secret: 32 random bytes, in URL-safe base64 without padding.
        expires_unix_s: Until when the fleet takes it; for people, since a board may not know the time.
    """

    home: Home
    token: str
    expires_unix_s: int

    def __post_init__(self) -> None:
        """Check the token's form.

        Raises:
            InputError: It is none.
        """
        check_token(self.token)


@dataclass(frozen=True, slots=True)
class EnrolRequest:
    """What a device sends to the enrolment.

    Attributes:
        device: Who it is.
        token: Of its claim; empty where it shows a certificate that it has, to have it renewed.
        request: For which key, PKCS #10 in PEM.
    """

    device: str
    token: str
    request: str

    def __post_init__(self) -> None:
        """Check the token's form.

        Raises:
            InputError: It is none.
        """
        if self.token:
            check_token(self.token)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the first boot of a board has come, by the word of whoever has its claim: a help to find out, no proof.

    Attributes:
        device: Who it is.
        token: Of its claim, which may have been used already.
        step: What is being done, such as `install`: at most 32 lower-case letters, digits, `_`, `-`.
        state: How it stands.
        reason: Why it failed, or what it waits for.
    """

    device: str
    token: str
    step: str
    state: ProgressState
    reason: str = ""

    def __post_init__(self) -> None:
        """Check the form of token and step.

        Raises:
            InputError: One is none.
        """
        check_token(self.token)
        if not _STEP.fullmatch(self.step):
            raise InputError(f"step: expected at most 32 lower-case letters, digits, '_', '-', got {self.step[:40]!r}")


@dataclass(frozen=True, slots=True)
class Certified:
    """What it gets.

    Attributes:
        certificate: PEM.
    """

    certificate: str


@dataclass(frozen=True, slots=True)
class Membership:
    """What a device without a network is given for its request: a file.

    Attributes:
        home: Where it belongs.
        certificate: PEM.
    """

    home: Home
    certificate: str


def check_token(token: str) -> None:
    """Check a token's form, without saying anything of it.

    Raises:
        InputError: It is none.
    """
    if not _TOKEN.fullmatch(token):
        raise InputError(f"token: expected 43 letters, digits, '-', '_', got {len(token)} others")


def _check_address(address: str, scheme: str) -> None:
    try:
        parts = urlsplit(address)
        is_one = parts.scheme == scheme and parts.hostname and parts.port and not parts.username and not parts.path
    except ValueError:  # a port or a bracket that is none
        is_one = False
    if not is_one:
        raise InputError(f"{scheme}: expected {scheme}://HOST:PORT, got {address[:80]!r}")
