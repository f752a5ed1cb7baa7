"""Runs the agent of a folder until a signal ends it."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from types import FrameType

from edge_sdk.agent.assembly import Outside
from edge_sdk.agent.config import read_config
from edge_sdk.agent.daemon import Daemon
from edge_sdk.agent.diagnostics import LogTail
from edge_sdk.agent.standing import lock
from edge_sdk.service import ServiceManager


def run_agent(folder: Path) -> int:
    """Run it; return the signal that ended it.

    Raises:
        InputError: The settings, a certificate or the profile are wrong.
        UnavailableError: Another agent works in this folder, or its disk cannot be used.
    """
    config, held = read_config(folder), lock(folder)
    tail = LogTail()
    logging.getLogger().addHandler(tail)
    try:
        daemon = Daemon(Outside(folder, config, tail), manager=ServiceManager.from_environment(os.environ))
        ended_by = [signal.SIGTERM]

        def end(number: int, _frame: FrameType | None) -> None:
            ended_by[0] = signal.Signals(number)
            daemon.stop()

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, end)
        daemon.run()
        return ended_by[0]
    finally:
        logging.getLogger().removeHandler(tail)
        os.close(held)
