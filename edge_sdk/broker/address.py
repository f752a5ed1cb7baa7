"""Where a broker is, and a topic of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_sdk.errors import InputError

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_HOST = r"(mqtts?)://(?:[^/?@]*(@))?(\[[^\]]+\]|[^/:?@]+)(?::([0-9]{1,5}))?"
_BROKER = re.compile(_HOST + "/?")
_ADDRESS = re.compile(_HOST + "/([^?]+)")


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is.

    Attributes:
        host: Its name or number.
        port: Its port.
        is_encrypted: Whether it speaks TLS.
    """

    host: str
    port: int
    is_encrypted: bool = False

    @classmethod
    def parse(cls, uri: str) -> Broker:
        """Read an address such as `mqtts://broker.plant:8883`.

        Raises:
            InputError: It is none, or has a name or password in it.
        """
        match = _BROKER.fullmatch(uri)
        if match is None or match[2]:
            raise InputError(
                f"{uri.rpartition('@')[2]}: expected mqtt://HOST or mqtts://HOST, with a port or without",
                hint="names and passwords come from a file",
            )
        scheme, _, host, port = match.groups()
        return cls(host.strip("[]"), int(port or _PORTS[scheme]), is_encrypted=scheme == "mqtts")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.is_encrypted else 'mqtt'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of a broker.

    Attributes:
        host: Name or number of the broker.
        port: Its port.
        name: The topic, or a pattern with `+` and `#`.
        is_encrypted: Whether the broker speaks TLS.
    """

    host: str
    port: int
    name: str
    is_encrypted: bool = False

    @classmethod
    def parse(cls, uri: str) -> Topic:
        """Read an address such as `mqtt://host:1883/plant/press/4`.

        Raises:
            InputError: It is none, or has a name or password in it.
        """
        match = _ADDRESS.fullmatch(uri)
        if match is None:
            raise InputError(f"{uri.rpartition('@')[2]}: expected mqtt://HOST/TOPIC or mqtts://HOST/TOPIC")
        scheme, secret, host, port, name = match.groups()
        if secret:
            raise InputError(
                f"{scheme}://{host}/{name}: expected no name and password in the address", hint="say access=FILE.toml"
            )
        return cls(host.strip("[]"), int(port or _PORTS[scheme]), name, is_encrypted=scheme == "mqtts")

    def __str__(self) -> str:
        return f"{'mqtts' if self.is_encrypted else 'mqtt'}://{self.host}:{self.port}/{self.name}"


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we are gone, and keeps for those who come later.

    Attributes:
        name: On which topic.
        payload: Its bytes.
    """

    name: str
    payload: bytes
