from __future__ import annotations

import getpass
import os
from dataclasses import replace
from pathlib import Path

import pytest

from edge_sdk.agent.config import read_config
from edge_sdk.agent.install import Plan, Wanted, install, plan
from edge_sdk.agent.kept import Kept
from edge_sdk.agent.slots import Slots
from edge_sdk.agent.standing import lock
from edge_sdk.agent.unit import UnitOptions
from edge_sdk.errors import GateError, InputError, UnavailableError
from edge_sdk.files import sha256_hex
from tests.runtime.swap import candidates

MODEL = candidates.colors()


@pytest.fixture
def wanted(tmp_path):
    options = UnitOptions(Path("/bin/true"), tmp_path / "board", user=getpass.getuser())
    package = candidates.write(tmp_path / "tiny-1.edge", MODEL, version=1)
    return Wanted(options, ('weird"camera',), package, tmp_path / "edge-sdk-agent.service")


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """A service manager that notes what it is told; the service runs while there is a file."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "systemctl").write_text(
        f'#!/bin/sh\n[ "$1" = is-active ] && {{ cat {folder}/state; exit; }}\necho "$1" >> {folder}/told\n'
    )
    (folder / "systemctl").chmod(0o755)
    (folder / "state").write_text("inactive\n")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def told(systemctl):
    path = systemctl / "told"
    return path.read_text().split() if path.exists() else []


def do(wanted):
    return install(wanted, plan(wanted))


def slots_of(wanted):
    return Slots(wanted.options.folder)


def test_the_plan_says_what_is_proven_written_and_run(tmp_path, wanted):
    planned = plan(wanted)
    assert planned.proves == str(tmp_path / "tiny-1.edge")
    assert planned.files == (
        str(tmp_path / "board" / "agent.toml"),
        str(tmp_path / "board" / "factory"),
        str(tmp_path / "edge-sdk-agent.service"),
    )
    assert (planned.before, [command[0] for command in planned.after]) == ((), ["chown", "systemctl", "systemctl"])
    share = 0.6 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert f"MemoryMax={round(share / 1e6)}000000\n" in planned.unit


def test_a_user_that_is_not_there_is_made(wanted):
    options = replace(wanted.options, user="nobody-of-this-name")
    assert plan(Wanted(options, wanted.sources)).before[0][:2] == ("useradd", "--system")


def test_files_are_written_and_settings_that_are_there_stay(tmp_path, wanted, systemctl):
    done = do(wanted)
    slots = slots_of(wanted)
    assert read_config(tmp_path / "board").sources == ('weird"camera',)
    assert slots.digest("factory") == slots.digest("current") == done.package_sha256
    assert slots.kept(done.package_sha256) == Kept("tiny-1", sha256_hex(MODEL))
    assert (done.release, done.model_sha256, done.is_in_use) == ("tiny-1", sha256_hex(MODEL), True)
    assert (tmp_path / "edge-sdk-agent.service").read_text() == plan(wanted).unit
    assert told(systemctl) == ["daemon-reload", "enable"]
    (tmp_path / "board" / "agent.toml").write_text('sources = ["camera:1"]')
    do(replace(wanted, package=None))
    assert slots.digest("factory") == done.package_sha256
    assert read_config(tmp_path / "board").sources == ("camera:1",)


def test_a_package_that_fails_its_golden_samples_changes_nothing(tmp_path, wanted, systemctl):
    wrong = candidates.write(tmp_path / "wrong.edge", candidates.colors(11.0), golden_of=candidates.colors(-10.0))
    (systemctl / "state").write_text("active\n")
    with pytest.raises(GateError, match="expected the golden outputs at"):
        do(replace(wanted, package=wrong))
    assert (told(systemctl), (tmp_path / "board").exists(), wanted.unit_path.exists()) == ([], False, False)


def test_a_service_that_runs_is_stopped_for_the_exchange_and_started_whatever_happens(tmp_path, wanted, systemctl):
    (systemctl / "state").write_text("activating\n")
    do(replace(wanted, package=None))
    assert told(systemctl) == ["stop", "daemon-reload", "enable"]
    (systemctl / "told").unlink()
    held = lock(tmp_path / "board")
    with pytest.raises(UnavailableError, match="expected no other agent to run there, got one"):
        do(replace(wanted, package=None))
    os.close(held)
    assert told(systemctl) == ["stop", "start"]


@pytest.mark.parametrize("program", ["edge-sdk", "/opt/none/edge-sdk", "/etc/passwd"])
def test_a_program_that_cannot_be_started_is_told(wanted, program):
    with pytest.raises(InputError, match=f"{program}: expected the absolute path of a program, got"):
        plan(replace(wanted, options=replace(wanted.options, command=Path(program))))


def test_links_in_the_programs_path_stay(tmp_path, wanted):
    (tmp_path / "current").symlink_to("/bin")
    planned = plan(replace(wanted, options=replace(wanted.options, command=tmp_path / "current" / "true")))
    assert f"ExecStart={tmp_path}/current/true agent run --state" in planned.unit


def test_a_program_that_fails_or_is_not_there_is_told(wanted):
    planned = Plan("", (), (), (), "")
    plain = replace(wanted, package=None)
    with pytest.raises(UnavailableError, match=r"^false: expected success, got $"):
        install(plain, replace(planned, after=(("false",),)))
    with pytest.raises(UnavailableError, match="no-such-program: expected the program, got none"):
        install(plain, replace(planned, before=(("no-such-program",),)))


def test_without_settings_and_sources_it_is_told_how(wanted):
    with pytest.raises(InputError, match="expected settings, or a source to begin with, got neither") as failure:
        plan(Wanted(wanted.options))
    assert failure.value.hint == "edge-sdk agent install --source camera:0"
