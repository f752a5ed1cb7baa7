"""What systemd hears, through a real socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from edge_sdk.errors import UnavailableError
from edge_sdk.runtime import Run, RunOptions
from edge_sdk.runtime.events import Event
from edge_sdk.runtime.sinks.systemd import Systemd, from_environment
from edge_sdk.service import ServiceManager
from tests.fakes import Replay
from tests.runtime.models import card, write_clip, write_colors


@pytest.fixture
def manager(tmp_path):
    """The socket of a service manager."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        opened.bind(str(tmp_path / "notify"))
        opened.settimeout(0.2)
        yield opened


def heard(manager):
    """Return what has come, message by message, each a list of lines."""
    messages = []
    try:
        while True:
            messages.append(manager.recv(4096).decode().split("\n"))
    except TimeoutError:
        return messages


def test_a_service_is_ready_with_its_first_result(colors, manager):
    Run(colors, Replay([card("red")] * 3), sinks=[Systemd(ServiceManager(manager.getsockname()))]).execute()
    assert heard(manager) == [["READY=1", "WATCHDOG=1", "STATUS=1 results"], ["STOPPING=1"]]


def test_the_watchdog_hears_of_fresh_results_four_times_in_its_time(colors, manager):
    source = Replay([card("red")] * 100, live=True, stalls_s=(0.01,), fps=0)
    report = Run(colors, source, sinks=[Systemd(ServiceManager(manager.getsockname(), watchdog_s=0.4))]).execute()
    pings = [message for message in heard(manager) if "WATCHDOG=1" in message]
    assert 6 <= len(pings) <= report.duration_s / 0.1 + 1


def test_stale_results_are_no_sign_of_life(colors, manager):
    source = Replay([card("red")] * 3, live=True, stalls_s=(0.1,))
    options = RunOptions(max_age_ms=50)
    Run(colors, source, sinks=[Systemd(ServiceManager(manager.getsockname(), watchdog_s=1))], options=options).execute()
    assert all("WATCHDOG=1" not in message for message in heard(manager))


def test_an_event_is_the_status(manager):
    service = Systemd(ServiceManager(manager.getsockname()))
    service.tell(Event(0, "camera:0", "live", "stalled", "no sample\nfor 2 s"))
    assert heard(manager) == [["STATUS=0 results; camera:0 stalled: no sample for 2 s"]]


def test_an_abstract_socket_is_named_with_an_at_sign():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0edge-sdk-test-{os.getpid()}")
        manager.settimeout(0.2)
        service = from_environment({"NOTIFY_SOCKET": f"@edge-sdk-test-{os.getpid()}"})
        service.close()
        service.close()
        assert heard(manager) == [["STOPPING=1"]]


def test_nobody_is_told_without_a_service_manager():
    assert from_environment({"WATCHDOG_USEC": "1000000"}) is None


def test_a_manager_that_is_gone_is_told(tmp_path):
    with pytest.raises(UnavailableError, match=r"^systemd: expected its socket '.*/none', got No such file or dir"):
        Systemd(ServiceManager(str(tmp_path / "none"))).tell(Event(0, "x", "live", "dead", "gone"))


def test_a_run_from_the_command_line_notifies(manager, tmp_path):
    package, clip = (
        write_colors(tmp_path / "c.edge"),
        write_clip(tmp_path / "c.mp4", [card("red", size_wh=(64, 48))] * 3),
    )
    command = [sys.executable, "-c", "from edge_sdk.cli import main; main()", "run", package, "--source", clip]
    environment = {**os.environ, "NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "30000000"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    time.sleep(0.1)
    assert [message[0] for message in heard(manager)] == ["READY=1", "STOPPING=1"]
