"""`edge-sdk fleet serve`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from edge_sdk.cli import output
from edge_sdk.cli.fleet.options import AsJson, FleetOption
from edge_sdk.errors import EdgeError

_LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Served:
    """What is served from now on.

    Attributes:
        fleet: Name of the fleet.
        server: Where certificates and releases come from.
        broker: Where the broker is.
        runs_broker: Whether it is a child of this command.
        results: The database with what devices send.
    """

    fleet: str
    server: str
    broker: str
    runs_broker: bool
    results: str


def serve(
    broker: Annotated[bool, typer.Option("--broker", help="Run Mosquitto as well, as a child.")] = False,
    keep_days: Annotated[
        float | None, typer.Option(help="Forget what devices sent after so many days.", show_default="never")
    ] = None,
    fleet: FleetOption = Path(),
    as_json: AsJson = False,
) -> None:
    """Run the fleet's services until Ctrl-C: results into a database, releases, enrolment, commands.

    Example: edge-sdk fleet serve --broker
    """
    from edge_sdk.fleet.broker_process import BrokerProcess
    from edge_sdk.fleet.desk import Desk
    from edge_sdk.fleet.folder import Fleet
    from edge_sdk.fleet.freshness import Freshness
    from edge_sdk.fleet.reception import Reception
    from edge_sdk.fleet.server import FleetServer

    opened, is_over = Fleet(fleet), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: is_over.set())
    with ExitStack() as services:
        if broker:
            services.enter_context(BrokerProcess(opened.broker()))
        keep_s = None if keep_days is None else keep_days * 86_400
        running: dict[str, Freshness | FleetServer | Desk | Reception] = {
            "freshness": services.enter_context(Freshness(opened)),
            "server": services.enter_context(FleetServer(opened.serving(), opened.enrolment())),
            "desk": services.enter_context(Desk(opened, services.enter_context(opened.registry()))),
            "reception": services.enter_context(Reception(opened, keep_s=keep_s)),
        }
        results = str(opened.path / "fleet.db")
        record = Served(opened.settings.name, opened.server_address, opened.broker_address, broker, results)
        output.emit(record, _lines(record), as_json=as_json)
        while not is_over.wait(_LOOK_S):
            if dead := [name for name, service in running.items() if not service.is_alive]:
                raise EdgeError(
                    f"serve: expected {', '.join(dead)} to go on, got an end", hint="this is a bug: see above"
                )


def _lines(record: Served) -> Iterator[str]:
    yield f"fleet {record.fleet} is served; Ctrl-C ends it"
    yield f"results  {record.results}"
    yield f"server   {record.server}"
    yield f"broker   {record.broker}{'' if record.runs_broker else ', which runs by itself'}"
