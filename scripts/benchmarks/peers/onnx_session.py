"""Serves ONNX files with the project's own onnxruntime, opened alike for everyone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edge_sdk.session import host_config, open_session
from scripts.benchmarks.peers.exchange import Request, Run, run_peer


def open_file(path: Path, request: Request) -> Run:
    """Open an ONNX file with exact integer sums and threads that do not spin."""
    session = open_session(path, replace(host_config(), threads=request.threads), where=path.name)
    return session.run_bare


if __name__ == "__main__":
    run_peer(None, open_file)
