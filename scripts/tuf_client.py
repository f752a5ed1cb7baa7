"""The command line of the public TUF conformance suite, over what a board uses (scripts/tuf-client)."""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from edge_sdk import files
from edge_sdk.agent.fetch import HttpSource, Source
from edge_sdk.agent.state import State
from edge_sdk.agent.trust import Shelf
from edge_sdk.agent.trust.border import Clock
from edge_sdk.agent.trust.workflow import Workflow
from edge_sdk.errors import EdgeError, TrustError

_MAX_TARGET_BYTES = 1 << 30


def main(
    arguments: Sequence[str],
    *,
    source: Callable[[Mapping[str, str]], Source] = HttpSource,
    clock: Callable[[], float] = time.time,
) -> int:
    """Do one command; return 0 if it succeeded fully, else 1."""
    given = _parser().parse_args(arguments)
    state = State(given.metadata_dir / "state.db")
    shelf = Shelf(given.metadata_dir, state)
    try:
        if given.command == "init":
            shelf.begin(given.trusted_root.read_bytes())
            return 0
        urls = {"metadata": given.metadata_url, "targets": given.target_base_url or given.metadata_url}
        place = source(urls)
        workflow = Workflow(shelf, lambda file, most: place.read(file, max_bytes=most), shelf.floors(), Clock(clock()))
        workflow.refresh()
        if given.command == "download":
            _download(workflow, given.target_name, given.target_dir)
    except EdgeError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    finally:
        state.close()
    return 0


def _download(workflow: Workflow, name: str, folder: Path) -> None:
    """Fetch a target that is not here yet."""
    found = workflow.find(name)
    if found is None:
        raise TrustError(f"{name}: expected a target of the repository, got none")
    path = folder / quote(name, safe="")
    if path.exists() and _is(path, found[1].hashes):
        return
    files.write_bytes(path, workflow.read(name, found[1], max_bytes=_MAX_TARGET_BYTES))


def _is(path: Path, hashes: Mapping[str, str]) -> bool:
    data = path.read_bytes()
    return all(hashlib.new(algorithm, data).hexdigest() == digest for algorithm, digest in hashes.items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tuf-client")
    for name in ("--metadata-url", "--target-name", "--target-base-url"):
        parser.add_argument(name)
    for name in ("--metadata-dir", "--target-dir"):
        parser.add_argument(name, type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("init").add_argument("trusted_root", type=Path)
    commands.add_parser("refresh")
    commands.add_parser("download")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
