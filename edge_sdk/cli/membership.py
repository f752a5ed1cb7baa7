"""`edge-sdk agent enroll | request | accept`: how this board becomes a member of a fleet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_sdk import files
from edge_sdk.cli import output

if TYPE_CHECKING:
    from edge_sdk.agent.enrol import Enrolled

app = typer.Typer(help="Be a board of a fleet.", no_args_is_help=True)
StateOption = Annotated[Path, typer.Option("--state", help="The device's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the record as JSON.")]
DEFAULT_STATE = Path("/var/lib/edge-sdk")


@dataclass(frozen=True, slots=True)
class Requested:
    """A request for a certificate.

    Attributes:
        device: Under which name.
        file: Where it is; empty if it went to stdout.
        request: It, PKCS #10 in PEM.
    """

    device: str
    file: str
    request: str


def enroll(
    claim: Annotated[Path, typer.Argument(help="What `edge-sdk fleet enroll` has written; it is wiped.")],
    state: StateOption = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Tell the fleet that this board is the device of a claim: its key is made here, its certificate is fetched.

    Example: edge-sdk agent enroll press-4.claim.json
    """
    from edge_sdk.agent.enrol import enrol

    enrolled = enrol(claim, state)
    output.emit(enrolled, _lines(enrolled), as_json=as_json)
    if not enrolled.is_claim_wiped:
        output.note(f"{claim}: could not be wiped; it has been used up, delete it")


def request(
    device: Annotated[str, typer.Argument(help="The name it is to have.")],
    place: Annotated[Path | None, typer.Option("--output", "-o", help="The file; stdout if not given.")] = None,
    state: StateOption = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Write a request for a certificate, for a board that does not reach the fleet's server.

    Example: edge-sdk agent request press-4 -o press-4.csr
    """
    from edge_sdk.agent.enrol import request as ask

    pem = ask(state, device)
    if place is not None:
        files.write_bytes(place, pem)
    record = Requested(device, str(place or ""), pem.decode())
    said = (
        pem.decode().splitlines()
        if place is None
        else [f"{place}: on the operator's machine: edge-sdk fleet enroll {device} --csr {place.name}"]
    )
    output.emit(record, said, as_json=as_json)


def accept(
    membership: Annotated[Path, typer.Argument(help="What `edge-sdk fleet enroll --csr` has written.")],
    state: StateOption = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Check what the operator answered to a request, and become the device that it names.

    Example: edge-sdk agent accept press-4.membership.json
    """
    from edge_sdk.agent.enrol import accept as take

    enrolled = take(membership, state)
    output.emit(enrolled, _lines(enrolled), as_json=as_json)


def _lines(enrolled: Enrolled) -> Iterator[str]:
    home = enrolled.home
    yield f"this board is {home.device} of fleet {home.fleet}" + ("" if enrolled.is_new else ", as it was before")
    yield f"broker   {home.broker}"
    yield f"server   {home.server}"
    yield f"groups   {', '.join(home.groups) or 'none'}"


app.command("enroll")(enroll)
app.command("request")(request)
app.command("accept")(accept)
