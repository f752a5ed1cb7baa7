"""What the demo shows, told as it happens: by the boards' own events, as the fleet has stored them."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from edge_sdk.cli import output
from edge_sdk.cli.demo.town import BOARDS, Town
from edge_sdk.errors import GateError
from edge_sdk.fleet.folder import Fleet

_GATES = "shadow_samples = 20\ntrial_results = 40\n"
_PATIENCE_S = 180.0
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen.

    Attributes:
        confirmed: The good update.
        refused: Why the wrong one was refused.
        not_believed: Why the forged one was not believed.
        results: Results that the fleet has stored.
        missing: Results that boards numbered and the fleet will never get.
    """

    confirmed: str
    refused: str
    not_believed: str
    results: int
    missing: int


@dataclass(slots=True)
class News:
    """The events of the boards, read as they are stored.

    Attributes:
        latest: By board and kind, the latest of each.
    """

    fleet: Fleet
    latest: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    last: int = 0

    def wait(self, what: str, holds: Callable[[str], bool]) -> None:
        """Tell events until something holds of every board.

        Raises:
            GateError: It does not, in time.
        """
        until_s = time.monotonic() + _PATIENCE_S
        while not all(holds(board) for board in BOARDS):
            if time.monotonic() > until_s:
                raise GateError(f"demo: expected {what} within {_PATIENCE_S:.0f} s, got none", hint="--keep FOLDER")
            time.sleep(_LOOK_S)
            for board, event in self._read():
                self.latest[board, event["kind"]] = event
                said = _said(event)
                if said:
                    output.note(f"    {board}  {said}")

    def of(self, board: str, kind: str) -> dict[str, Any]:
        """Return the latest event of a kind of a board; empty for none."""
        return self.latest.get((board, kind), {})

    def _read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        with self.fleet.store() as store:
            rows = store.rows("events", after=self.last)
        for number, board, row in rows:
            self.last = number
            yield board, json.loads(row)


def play(town: Town) -> Seen:
    """Play all of it.

    Raises:
        GateError: Something that is to be shown did not happen.
    """
    _title("1. A fleet: keys, a repository, an authority, a broker that lets in certificates only")
    town.found()
    _title("2. Two boards: each makes its own key, looks at a belt of coloured cards, and names the colour")
    town.write_model(1, factor=10)
    for board in BOARDS:
        town.add_board(board)
    news = News(Fleet(town.fleet))
    news.wait("both boards with their first model", lambda board: bool(news.of(board, "model")))
    _title("3. A better model is signed and assigned: fetched, proven, compared on live pictures, tried, confirmed")
    confirmed = _update(town, news, version=2, factor=12, ends="confirmed")
    _title("4. A model as authentic as the last one, and wrong: it names the weakest colour")
    refused = _update(town, news, version=3, factor=-12, ends="refused")
    _title("5. The server is stolen, with its keys: a release is forged and assigned")
    not_believed = _forge(town, news)
    _title("6. And the results meanwhile")
    return Seen(confirmed, refused, not_believed, *_count(town))


def _update(town: Town, news: News, *, version: int, factor: float, ends: str) -> str:
    """Release a model to both boards, and wait until both have come to that end; return what they said."""
    package = town.write_model(version, factor)
    (package.parent / "gates.toml").write_text(_GATES)
    town.run("fleet", "release", package.name, "--gates", "gates.toml")
    town.run("fleet", "assign", f"cards-{version}", "--group", "presses")

    def has_ended(board: str) -> bool:
        update = news.of(board, "update")
        return update.get("release") == f"cards-{version}" and update.get("stage") == ends

    news.wait(f"cards-{version} {ends} on both boards", has_ended)
    return str(news.of(BOARDS[0], "update").get("reason") or f"cards-{version} on {' and '.join(BOARDS)}")


def _forge(town: Town, news: News) -> str:
    """Do what a thief of the server can do: everything but sign with the offline keys."""
    package = town.write_model(4, factor=-12)
    town.run(
        "fleet", "release", package.name, "--keys", "none", shown=f"fleet release {package.name} # without the keys"
    )
    repository = town.fleet / "repository"
    waiting = json.loads((repository / "pending" / "targets.json").read_text())
    root = json.loads((repository / "metadata" / "1.root.json").read_text())
    keyids = root["signed"]["roles"]["targets"]["keyids"]
    waiting["signatures"] = [{"keyid": keyid, "sig": secrets.token_hex(64)} for keyid in keyids]
    number = waiting["signed"]["version"]
    (repository / "metadata" / f"{number}.targets.json").write_text(json.dumps(waiting))
    (repository / "pending" / "targets.json").unlink()
    output.note(f"  a signature is made up, and {number}.targets.json put on the server")
    Fleet(town.fleet).repository().refresh()
    town.run("fleet", "assign", "cards-4", "--group", "presses")
    news.wait("both boards to refuse what is forged", lambda board: bool(news.of(board, "untrusted")))
    return str(news.of(BOARDS[0], "untrusted")["reason"])


def _count(town: Town) -> tuple[int, int]:
    """Return how many results are stored, and how many will never come."""
    with Fleet(town.fleet).store() as store:
        accounts = [account for account in store.accounts() if account.stream == "results"]
    return sum(account.received for account in accounts), sum(account.missing for account in accounts)


def _said(event: dict[str, Any]) -> str:
    """Return what an event is for people; empty for what is not worth a line."""
    match event["kind"]:
        case "update":
            reason = f": {event['reason']}" if event["reason"] else ""
            return f"{event['release']}  {event['stage']}{reason}"
        case "source" if event["source"] == "model" and event["after"] == "done":
            return str(event["cause"]).partition(": ")[2]
        case "model":
            return f"runs {event['model'][:12]}, by the digest of the bytes that were loaded"
        case "untrusted":
            return f"does not believe it: {event['reason']}"
        case "worker":
            return f"worker: {event['cause']}"
    return ""


def _title(text: str) -> None:
    output.note("")
    output.note(text)
