"""Asks the fleet's enrolment: one bounded request over TLS, and one bounded answer."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

from edge_sdk.errors import InputError, TrustError, UnavailableError
from edge_sdk.wire.document import read_json
from edge_sdk.wire.enrolment import MAX_ENROLMENT_BYTES, Home

_TIMEOUT_S = 20.0
_REFUSALS = frozenset({http.client.BAD_REQUEST, http.client.FORBIDDEN})


def ask(home: Home, path: str, message: bytes, *, context: ssl.SSLContext | None = None) -> bytes:
    """Send a message; return the answer.

    Args:
        home: Where the server is, and which authority it must be of.
        path: What is asked for.
        message: The request.
        context: How to connect; by itself, the authority is believed and no certificate shown.

    Raises:
        InputError: It refuses.
        TrustError: It is not of this fleet.
        UnavailableError: It is not there, too slow, or busy.
    """
    try:
        context = context or ssl.create_default_context(cadata=home.ca)
    except (ssl.SSLError, ValueError) as exc:
        raise InputError(f"ca: expected a certificate in PEM, got {exc}") from exc
    parts = urlsplit(home.server)
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT_S, context=context)
    try:
        connection.request("POST", path, body=message, headers={"Content-Type": "application/json"})
        answer = connection.getresponse()
        data = answer.read(MAX_ENROLMENT_BYTES + 1)
    except ssl.SSLCertVerificationError as exc:
        raise TrustError(
            f"{home.server}: expected a server of this fleet, got {exc.verify_message}",
            hint="the claim is of another fleet, or the server is not what it claims to be",
        ) from exc
    except (OSError, http.client.HTTPException) as exc:
        raise UnavailableError(f"{home.server}: expected an answer, got {exc or type(exc).__name__}") from exc
    finally:
        connection.close()
    return _answer(home, answer.status, data)


def _answer(home: Home, status: int, data: bytes) -> bytes:
    if status == http.client.OK and len(data) <= MAX_ENROLMENT_BYTES:
        return data
    if status in _REFUSALS:
        raise InputError(
            f"{home.server}: expected a certificate, got {_reason(data)}",
            hint=f"have a new claim made: edge-sdk fleet enroll {home.device}",
        )
    raise UnavailableError(f"{home.server}: expected a certificate, got status {status}", hint="try again later")


def _reason(data: bytes) -> str:
    try:
        document = read_json(data, where="answer")
    except InputError:
        document = None
    reason = document.get("error") if isinstance(document, dict) else None
    return f"'{reason[:200]}'" if isinstance(reason, str) else "a refusal"
