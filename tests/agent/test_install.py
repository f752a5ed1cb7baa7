from __future__ import annotations

import getpass
import os

import pytest

from edge_sdk.agent.config import read_config
from edge_sdk.agent.install import Plan, Wanted, install, plan
from edge_sdk.agent.slots import Slots
from edge_sdk.agent.unit import UnitOptions
from edge_sdk.errors import InputError, UnavailableError
from tests.runtime.swap import candidates


@pytest.fixture
def wanted(tmp_path):
    options = UnitOptions(tmp_path / "edge-sdk", tmp_path / "board", user=getpass.getuser())
    package = candidates.write(tmp_path / "tiny-1.edge", candidates.colors())
    return Wanted(options, ('weird"camera',), package, tmp_path / "edge-sdk-agent.service")


def test_the_plan_says_what_is_written_and_run(tmp_path, wanted):
    planned = plan(wanted)
    assert planned.files == (
        str(tmp_path / "board" / "agent.toml"),
        str(tmp_path / "board" / "factory"),
        str(tmp_path / "edge-sdk-agent.service"),
    )
    assert [command[0] for command in planned.commands] == ["chown", "systemctl", "systemctl"]
    share = 0.6 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert f"MemoryMax={round(share / 1e6)}000000\n" in planned.unit


def test_a_user_that_is_not_there_is_made(wanted):
    options = UnitOptions(wanted.options.command, wanted.options.folder, user="nobody-of-this-name")
    assert plan(Wanted(options, wanted.sources)).commands[0][:2] == ("useradd", "--system")


def test_files_are_written_and_settings_that_are_there_stay(tmp_path, wanted):
    planned = plan(wanted)
    install(wanted, Plan((("true",),), planned.files, planned.unit))
    assert read_config(tmp_path / "board").sources == ('weird"camera',)
    assert Slots(tmp_path / "board").title(Slots(tmp_path / "board").digest("factory")) == "tiny-1"
    assert (tmp_path / "edge-sdk-agent.service").read_text() == planned.unit
    (tmp_path / "board" / "agent.toml").write_text('sources = ["camera:1"]')
    again = plan(wanted)
    install(wanted, Plan((), again.files, again.unit))
    assert read_config(tmp_path / "board").sources == ("camera:1",)


def test_a_program_that_fails_or_is_not_there_is_told(wanted):
    planned = plan(wanted)
    with pytest.raises(UnavailableError, match=r"^false: expected success, got $"):
        install(wanted, Plan((("false",),), planned.files, planned.unit))
    with pytest.raises(UnavailableError, match="no-such-program: expected the program, got none"):
        install(wanted, Plan((("no-such-program",),), planned.files, planned.unit))


def test_without_settings_and_sources_it_is_told_how(wanted):
    with pytest.raises(InputError, match="expected settings, or a source to begin with, got neither") as failure:
        plan(Wanted(wanted.options))
    assert failure.value.hint == "edge-sdk agent install --source camera:0"
