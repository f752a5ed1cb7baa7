"""What a board is, put together for the fleet: proven by the digest of the bytes that were loaded."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edge_sdk.agent.life import Life
from edge_sdk.agent.slots import Slots
from edge_sdk.agent.worker.supervisor import Supervisor
from edge_sdk.outbox import Account
from edge_sdk.version import __version__
from edge_sdk.wire.messages import Reported

Counts = Callable[[], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Known:
    """What is not known by worker and life.

    Attributes:
        boot: How often the agent has started.
        trust: Returns the version of each role that was verified last.
        time_trusted: Returns whether the clock can be right.
        accounts: Returns how each stream of the outbox stands.
    """

    boot: int
    trust: Counts
    time_trusted: Callable[[], bool]
    accounts: Callable[[], Mapping[str, Account]]


def report(known: Known, *, worker: Supervisor, life: Life, slots: Slots) -> Reported:
    """Return what is reported."""
    loaded, offer, accounts = worker.loaded, life.state.offer, known.accounts()
    package = loaded.package_sha256 if loaded else ""
    is_offered = offer is not None and offer.package.sha256 == package
    title = offer.release if offer and is_offered else slots.kept(package).release
    versions = {"edge-sdk": __version__, "python": platform.python_version(), **(loaded.versions if loaded else {})}
    return Reported(
        boot=known.boot,
        release=title,
        package_sha256=package,
        model_sha256=loaded.model_sha256 if loaded else "",
        family=loaded.family if loaded else "",
        worker=_standing(worker),
        update=life.report(),
        revision=offer.revision if offer else 0,
        trust=dict(known.trust()),
        time_trusted=known.time_trusted(),
        dropped={stream: _given_up(account) for stream, account in accounts.items() if _given_up(account)},
        waiting={stream: account.rows for stream, account in accounts.items()},
        versions=versions,
        proven_sha256=life.proven_sha256(package or slots.digest("current")),
    )


def _standing(worker: Supervisor) -> str:
    if worker.state in {"waiting", "starting"} and worker.cause:
        return f"failed: {worker.cause}"
    if worker.state == "running":
        return "paused" if worker.is_paused else "running"
    return "running" if worker.state == "starting" else "stopped"


def _given_up(account: Account) -> int:
    return account.dropped + account.oversize + account.unwritten + account.set_aside
